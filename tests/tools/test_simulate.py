"""`musse-stream simulate` writes a recording that others can read, with truth."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from engine.simulation.recorded import recorded_pair_truth
from tools.cli import app as musse_stream
from tools.commands.simulate import simulate
from tools.errors import RecordingError, ToolError
from tools.simulate import parse_inclusion


def small(output: Path, **changes: object) -> None:
    settings: dict[str, object] = {
        "frames": 4,
        "samples": 400,
        "lines": 24,
        "period": 0.4,
        "seed": 3,
        "inclusion": ["4,0,1.5,3"],
    }
    simulate(output, **(settings | changes))  # type: ignore[arg-type]


def test_a_recording_holds_frames_constants_and_truth(tmp_path: Path) -> None:
    small(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        rf, truth = file["rf"][:], file["truth"]
        assert rf.shape == (4, 400, 24)
        assert rf.dtype == np.int16
        assert 1000 < rf.std() < 2000
        assert file.attrs["center_frequency"] == 5e6
        assert np.allclose(np.diff(file["t_acq"][:]), 1e9 / 30, atol=1)
        rest = (truth.attrs["axial_index"], truth.attrs["lateral_index"])
        stored = [(truth["axial_displacement"][k], truth["lateral_displacement"][k]) for k in range(4)]
    rows, columns = np.arange(0, 400, 10, dtype=np.float32), np.arange(24, dtype=np.float32)
    moved = recorded_pair_truth(stored[1], stored[3], rest, axial_index=rows, lateral_index=columns)
    assert moved.axial_displacement[-1].mean() < -0.5  # pressed: deep tissue comes nearer
    assert moved.axial_strain.mean() < 0


def test_the_seed_is_the_recording(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        small(tmp_path / f"{name}.h5", seed=seed, frames=2)
    frames = [h5py.File(tmp_path / f"{name}.h5")["rf"][:] for name in "abc"]
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])


def test_the_command_line_reaches_the_settings(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(simulate)
    arguments = (
        "--frames 2 --samples 200 --lines 16 --uniform --dead-rows 3 --clutter -15 --elevation-drift 0.2"
    )
    path = tmp_path / "a.h5"
    result = CliRunner().invoke(app, ["--output", str(path), *arguments.split()])
    assert result.exit_code == 0, result.output
    assert "2 frames of 200 x 16" in result.output
    with h5py.File(path) as file:
        assert not file["rf"][:, :3].any()
        assert file["rf"][:, 3:].any()


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="DEPTH,LATERAL,RADIUS,STIFFNESS"):
        parse_inclusion("15,0")
    with pytest.raises(ToolError, match="--uniform"):
        small(tmp_path / "a.h5", uniform=True)
    refused = CliRunner().invoke(musse_stream, ["simulate", "--output", str(tmp_path / "y.mhd")])
    assert isinstance(refused.exception, RecordingError)
    assert re.search(r"y\.mhd: .* written as \.h5", str(refused.exception))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there.h5").touch()
    with pytest.raises(RecordingError, match="exists"):
        small(tmp_path / "there.h5")
