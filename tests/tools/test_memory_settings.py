"""Memory of the node stays level for weeks with few arenas; the user's own settings of malloc stand."""

import platform

import pytest

from tools.processes import FEW_ARENAS, few_arenas


@pytest.mark.parametrize(
    ("libc", "own", "expected"),
    [
        ("glibc", {}, FEW_ARENAS),
        ("", {}, {}),  # musl, macOS, Windows
        ("glibc", {"MALLOC_ARENA_MAX": "8"}, {}),
        ("glibc", {"GLIBC_TUNABLES": "glibc.malloc.arena_max=8"}, {}),
        ("glibc", {"GLIBC_TUNABLES": "glibc.rtld.nns=4"}, FEW_ARENAS),
    ],
)
def test_malloc_is_set_where_it_is_glibc_s_and_the_user_has_not(
    libc: str, own: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "2.36"))
    assert few_arenas() == expected
