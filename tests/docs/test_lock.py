"""requirements.lock fits pyproject.toml: all dependencies but torch, one version each, with hashes."""

import re
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.root import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
SYSTEMS = [
    {"sys_platform": "linux", "platform_machine": "x86_64"},
    {"sys_platform": "win32", "platform_machine": "AMD64"},
    {"sys_platform": "darwin", "platform_machine": "arm64"},
]


def wanted(texts: list[str], where: dict[str, str]) -> list[Requirement]:
    """The requirements of a list on one system, extras of this project resolved, torch left out."""
    found = []
    for text in texts:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate(where):
            continue
        if requirement.name == "musse-stream":
            found += [r for extra in requirement.extras for r in wanted(EXTRAS[extra], where)]
        elif requirement.name != "torch":
            found.append(requirement)
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> list[tuple[str, str, Marker | None, int]]:
    """(name, version, marker, number of hashes) of every entry."""
    entries = []
    for block in re.split(r"\n(?=[a-zA-Z])", text.partition("\n")[2]):
        head, *hashes = block.replace(" \\\n", "\n").splitlines()
        requirement = Requirement(head)
        (spec,) = requirement.specifier
        assert spec.operator == "=="
        count = sum(bool(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}", line)) for line in hashes)
        assert count == len(hashes), block
        entries.append((normal(requirement.name), spec.version, requirement.marker, count))
    return entries


ENTRIES = locked(LOCK)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["sys_platform"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_dependency_has_one_version_that_fits(system: dict[str, str], python: str) -> None:
    where = system | {"python_version": python, "python_full_version": f"{python}.1"}
    for requirement in wanted([*PROJECT["dependencies"], *EXTRAS["dev"]], where):
        versions = [
            version
            for name, version, marker, _ in ENTRIES
            if name == normal(requirement.name) and (marker is None or marker.evaluate(where))
        ]
        assert len(versions) == 1, requirement
        assert requirement.specifier.contains(versions[0]), requirement


def test_every_entry_has_hashes_and_no_index_is_named() -> None:
    assert len(ENTRIES) > 50
    assert all(count for *_, count in ENTRIES)
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_torch_is_left_out() -> None:
    assert "torch" not in {name for name, *_ in ENTRIES}


def test_a_missing_hash_is_noticed() -> None:
    (*_, count) = locked("# head\nnumpy==2.0.0\n")[0]
    assert count == 0
