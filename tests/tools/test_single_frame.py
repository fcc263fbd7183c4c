"""Strain is between two frames: whatever computes it names a recording that has one, and the remedy."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tools.programs import write_press
from tools.batch.one import BatchConfig, process_one
from tools.cli import app
from tools.commands import options
from tools.errors import RecordingError

COMMANDS = {
    "process": ("process", "one.h5", "--output", "a.h5"),
    "process there and back": ("process", "one.h5", "--output", "a.h5", "--loop", "bounce", "--frames", "4"),
    "figure": ("figure", "one.h5", "--output", "a.png"),
    "movie": ("movie", "one.h5", "--output", "a.gif"),
    "measure": ("measure", "one.h5", "--regions", "r.json", "--csv", "a.csv"),
    "assess": ("assess", "one.h5"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_press(tmp_path / "one.h5", frames=1)
    region = '{"x": 0, "z": 8, "width": 4, "height": 4}'
    (tmp_path / "r.json").write_text(f'{{"a": {region}, "b": {region}}}')
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_recording_of_one_frame_is_named_with_the_remedy(name: str, folder: Path) -> None:
    before = sorted(folder.iterdir())
    result = CliRunner().invoke(app, [*COMMANDS[name], "--engine", "trivial"])
    assert isinstance(result.exception, RecordingError)  # exit code 4
    assert "one.h5 holds a single frame: strain needs two, so record two or more" in str(result.exception)
    assert sorted(folder.iterdir()) == before


def test_one_frame_of_many_is_a_mistake_on_the_command_line(folder: Path) -> None:
    write_press(folder / "many.h5")
    command = ["process", "many.h5", "--output", "a.h5", "--engine", "trivial", "--frames", "1"]
    assert CliRunner().invoke(app, command).exit_code == 2
    assert CliRunner().invoke(app, [*command[:-1], "2"]).exit_code == 0


def test_a_batch_reports_a_recording_of_one_frame(folder: Path) -> None:
    settings = BatchConfig(options.configuration(None, engine="trivial"))
    report = process_one(folder / "one.h5", folder / "out" / "one.h5", settings)
    assert report.error is not None
    assert "holds a single frame" in report.error
    assert report.error_kind == "it cannot be used as a recording"
    assert list((folder / "out").iterdir()) == []
