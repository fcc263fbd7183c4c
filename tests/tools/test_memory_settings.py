"""Memory of the node stays level for weeks with few arenas; the user's own settings of malloc stand."""

import os
import platform
import subprocess
import sys

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
    for name in (*FEW_ARENAS, "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "2.36"))
    assert few_arenas() == expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc of glibc")
def test_the_maps_of_a_pair_are_no_new_pages() -> None:
    code = """
import resource
import numpy as np
def pair():
    frame = np.ones((2000, 128), np.complex64)
    return float(abs(frame * frame).sum())
pair()
pair()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    pair()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **FEW_ARENAS},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(child.stdout) < 50  # with a limit of 128 KiB over 1000
