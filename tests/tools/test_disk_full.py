"""A full disk ends a command with one line that names the file; nothing useless stays behind.

The limit on the size of files of this process refuses as a full disk does: a write fails in the middle.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.musse.checkpoint import save
from engine.musse.net import LiveNet
from tests.engine.training.tiny_training import TINY
from tests.root import ROOT
from tests.tools.programs import write_press
from tests.tools.tape.tapes import assert_true, rf_parts
from tools.cli import app
from tools.errors import DiskFull
from tools.part import adding, is_disk_full, writing
from tools.tape.reader import Tape
from tools.tape.writer import TapeWriter


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Within it no file can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_press(tmp_path_factory.mktemp("press") / "press.h5")


SIMULATED = ("--samples", "512", "--lines", "32", "--frames", "3", "--uniform")
COMMANDS = {
    "process to .h5": ("process", "PRESS", "--engine", "trivial", "--output", "out.h5"),
    "process to .npz": ("process", "PRESS", "--engine", "trivial", "--output", "out.npz"),
    "convert to .h5": ("convert", "PRESS", "--output", "out.h5"),
    "convert to zea": ("convert", "PRESS", "--output", "out.h5", "--layout", "zea"),
    "convert to .mha": ("convert", "PRESS", "--output", "out.mha"),
    "simulate": ("simulate", *SIMULATED, "--output", "out.h5"),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("size", [0, 3000, 30000])
def test_a_command_names_the_file_and_leaves_nothing(
    name: str, size: int, press: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [str(press) if word == "PRESS" else word for word in COMMANDS[name]]
    with room_for(size):
        result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, DiskFull), result.exception
    assert "the disk is full: out." in str(result.exception)
    assert list(tmp_path.iterdir()) == []


REGIONS = '{"a": {"x": -2, "z": 8, "width": 4, "height": 4}, "b": {"x": 2, "z": 8, "width": 4, "height": 4}}'
OF_IMAGES = {
    "measure": (
        "measure",
        "PRESS",
        "--engine",
        "trivial",
        "--every",
        "--regions",
        REGIONS,
        "--csv",
        "out.csv",
    ),
    "figure": ("figure", "PRESS", "--engine", "trivial", "--output", "out.svg"),
    "movie": ("movie", "PRESS", "--engine", "trivial", "--output", "out.webm"),
    "animation": ("movie", "PRESS", "--engine", "trivial", "--output", "out.gif"),
    "config": ("config", "show", "--output", "out.toml"),
}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_file_of_images_numbers_or_settings_is_named_and_gone(
    name: str, press: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [str(press) if word == "PRESS" else word for word in OF_IMAGES[name]]
    with room_for(1000):
        result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, DiskFull), result.exception
    assert "the disk is full: out." in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_does_not_fit_leaves_nothing_and_the_list_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with room_for(10):
        made = CliRunner().invoke(app, ["keys", "new"])
    assert isinstance(made.exception, DiskFull), made.exception
    assert "the disk is full: musse.key could not be written, nothing of it" in str(made.exception)
    assert list(tmp_path.iterdir()) == []
    before = f"{1:064x} ward\n"
    Path("musse.allowed").write_text(before)
    with room_for(100):
        added = CliRunner().invoke(app, ["keys", "allow", f"{2:064x}"])
    assert isinstance(added.exception, DiskFull), added.exception
    assert Path("musse.allowed").read_text() == before


@pytest.mark.parametrize("name", OF_IMAGES)
def test_what_a_file_held_before_stays_where_a_new_one_does_not_fit(
    name: str, press: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [str(press) if word == "PRESS" else word for word in OF_IMAGES[name]]
    before = Path(arguments[-1])
    before.write_text("before")
    with room_for(1000):
        result = CliRunner().invoke(app, [*arguments, "--overwrite"])
    assert isinstance(result.exception, DiskFull), result.exception
    assert before.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == [before.name]


def test_weights_that_do_not_fit_are_named_and_those_before_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "live.safetensors"
    path.write_bytes(b"before")
    with room_for(1000), pytest.raises(OSError, match="live") as caught:
        save(LiveNet(TINY), path, trained={})
    assert is_disk_full(caught.value)  # which the command ends with code 9 for
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def limited(blocks: int, *arguments: str, **streams: Any) -> "subprocess.CompletedProcess[str]":
    """`musse-stream ARGUMENTS` as a process whose files end after so many kB."""
    command = ["/bin/bash", "-c", f'ulimit -f {blocks}; exec "$@"', "bash", sys.executable, "-m", "tools"]
    streams = {"stdout": subprocess.PIPE, **streams}
    # without a buffer Python drops what did not fit, without an error
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        env=environment, **streams,
    )  # fmt: skip


def test_the_process_ends_with_its_own_code_and_one_line(press: Path, tmp_path: Path) -> None:
    output = ("--output", str(tmp_path / "out.h5"))
    ended = limited(8, "process", str(press), "--engine", "trivial", *output)
    assert ended.returncode == 9, ended.stderr
    assert [line for line in ended.stderr.splitlines() if "disk is full" in line]
    assert "Traceback" not in ended.stderr
    assert "Error" not in ended.stderr


def test_output_that_goes_to_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with (tmp_path / "out.toml").open("wb") as out:
        ended = limited(1, "config", "show", stdout=out)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (9, 1), ended.stderr


def test_a_tape_ends_with_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with TapeWriter(path) as tape, room_for(20_000):
        with pytest.raises(DiskFull, match=r"a\.mcap.*everything before that is in it"):
            _fill(tape)
        written = tape.n_messages
        assert path.stat().st_size == tape.n_bytes  # nothing of the frame that did not fit
    assert written > 5
    with Tape(path) as found:
        assert [assert_true(message) for message in found.messages()] == list(range(written))
        assert found.condition.damaged == 0


@pytest.mark.parametrize("room", [20, 600])
def test_a_tape_without_a_message_is_gone(room: int, tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    refused = pytest.raises((DiskFull, OSError), match=r"nothing of it is left|too large")
    with room_for(room), refused, TapeWriter(path) as tape:
        _fill(tape)
    assert list(tmp_path.iterdir()) == []


def test_a_text_file_is_named_and_what_it_held_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before\n")
    with room_for(1000):
        with pytest.raises(DiskFull, match=r"a\.csv could.*nothing of it is left"), writing(path) as part:
            part.write_text("x" * 5000)
        with pytest.raises(DiskFull, match=r"a\.csv could.*is kept"), adding(path), path.open("a") as file:
            file.write("x" * 5000)
    assert path.read_text().startswith("before\n")
    assert list(tmp_path.iterdir()) == [path]


def _fill(tape: TapeWriter) -> None:
    for index in range(1000):
        tape.append(rf_parts(index), "musse.rf", 10**18 + index)
