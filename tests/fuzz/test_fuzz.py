"""Readers refuse broken inputs by name, and the program that feeds them notices where one does not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.fuzz import fuzz, fuzz_one
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import REFUSED, Target, targets

C_LIBRARY = {"recording h5", "recording mat", "results"}
"""Their libraries may hang or crash on damaged bytes, which no reader can catch: SECURITY.md states it."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a child process is a fork of this one")


def test_every_reader_takes_its_valid_input_and_refuses_broken_ones(tmp_path: Path) -> None:
    for name, target in targets(tmp_path).items():
        target.feed(target.seed)
        for number in range(4):
            try:
                target.feed(mutated(target.seed, number, text=target.text))
            except REFUSED:
                pass
            except Exception as error:
                raise AssertionError(f"{name}: input {number}") from error


def _too_much(content: bytes) -> None:
    bytes(2**26)


def _raise(content: bytes) -> None:
    raise KeyError


@pytest.mark.parametrize(
    ("feed", "finding"),
    [
        (lambda content: os._exit(3), "exit code 3"),
        (_raise, "KeyError at tests/fuzz/test_fuzz.py"),
        (_too_much, "memory"),
        (lambda content: Path("/etc/hostname").read_bytes(), "opened /etc/hostname"),
    ],
)
def test_what_a_reader_should_not_do_is_found(
    tmp_path: Path, feed: Callable[[bytes], object], finding: str
) -> None:
    inside = tmp_path / "files"
    inside.mkdir()
    found = fuzz_one(Target(b"a valid input", feed), inside, 30.0, 0, 2)
    assert found["inputs"] == 2
    assert any(kind.startswith(finding) for kind in found["findings"])


@pytest.mark.long
def test_a_minute_of_broken_inputs() -> None:
    found = fuzz(60.0, 10**6)
    assert {
        name: found[name]["findings"] for name in found.keys() - C_LIBRARY if found[name]["findings"]
    } == {}
