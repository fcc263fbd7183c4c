"""A recorder that is killed at any instant has lost nothing that it had appended."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tools.tape.tapes import assert_true
from tools.tape.reader import Tape


@pytest.mark.alone
@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.long)])
def test_kill_at_random(tmp_path: Path, count: int) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.tools.tape.killed_writer", str(tmp_path), str(count), "1"],
        cwd=ROOT,
        check=True,
        timeout=100,
    )
    lengths = set()
    for number in range(count):
        noted = (tmp_path / f"{number}.txt").read_text() if (tmp_path / f"{number}.txt").exists() else ""
        appended = noted.count("\n")
        with Tape(tmp_path / f"{number}.mcap") as tape:
            found = [assert_true(message) for message in tape.messages()]
            assert found == list(range(len(found)))
            assert appended <= len(found) <= appended + 1
            assert not tape.condition.closed
            note = tape.condition.note()
            assert note is not None
            assert note.startswith(f"{len(found)} of ")
        lengths.add(len(found))
    assert len(lengths) > count // 4, "all were killed at the same place"
