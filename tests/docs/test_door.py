"""The documents for contributors name only files, commands and versions that exist."""

import re
import subprocess
import tomllib

import pytest

import engine
from tests.root import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_workflow_runs_tests_that_exist() -> None:
    line = next(line for line in text(".github/workflows/ci.yml").splitlines() if "-m pytest" in line)
    paths = re.findall(r"tests/\S+", line)
    assert len(paths) >= 3
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100
    assert "run: .ci/run" in text(".github/workflows/ci.yml")


@pytest.mark.parametrize("target", ["lint", "test"])
def test_hooks_are_among_the_commands_of(target: str) -> None:
    hooks = re.findall(r"entry: (\.venv/bin/.+)", text(".pre-commit-config.yaml"))
    assert len(hooks) == 5
    shown = ("make", "--dry-run", "--assume-old=.venv/installed-dev", target)
    commands = subprocess.run(shown, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [hook for hook in hooks if not any(command.startswith(hook) for command in commands)] == []


def test_the_version_is_the_same_everywhere() -> None:
    assert f"version: {VERSION}\n" in text("CITATION.cff")
    assert engine.__version__ == VERSION


def test_targets_that_the_guide_names_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`?make ([\w-]+)", text("CONTRIBUTING.md")))
    assert named <= targets
    assert {"test", "format", "test-long"} <= named


def test_the_first_page_is_short() -> None:
    assert len(text("README.md").split()) <= 1350
