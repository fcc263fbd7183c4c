"""A convex probe from end to end: simulated, computed, measured and drawn in true geometry."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from streamer.headers import Grid
from tools.cli import app
from tools.geometry import cell_areas, cell_positions, oblique_lines
from tools.measure.regions import Region
from tools.web.messages import Geometry

PROBE = ["--lines", "64", "--line-pitch", "0.0008", "--probe-radius", "0.04", "--center-frequency", "4e6"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Uniform tissue, pressed by some 0.5 % along the axis between both frames."""
    path = tmp_path_factory.mktemp("convex") / "convex.h5"
    run("simulate", "--output", str(path), *PROBE, "--samples", "1600", "--frames", "2", "--frame-rate", "5",
        "--uniform", "--compression", "0.02", "--seed", "3")  # fmt: skip
    return path


@pytest.mark.parametrize(("engine", "bar"), [("onnx", 0.06), ("reference", 0.07)])
def test_strain_along_the_beams_is_the_truth(
    recording: Path, tmp_path: Path, engine: str, bar: float
) -> None:
    (tmp_path / "whole.toml").write_text("[region]\nwhole = true\n")  # beyond the usual 20 degrees
    settings = ("--config", str(tmp_path / "whole.toml"), "--engine", engine)
    run("process", str(recording), "--output", str(tmp_path / "a.h5"), *settings)
    with h5py.File(tmp_path / "a.h5") as file:
        strain, angles = file["axial_strain"][1], file["lateral_position"][:]
    assert math.degrees(angles[-1]) == pytest.approx(36.1, abs=0.5)
    profile = np.nanmean(strain, axis=0)
    relative = profile / np.nanmean(profile[np.abs(angles) < 0.1])
    smooth = np.convolve(relative, np.ones(5) / 5, "valid")
    error = np.abs(smooth - np.cos(2 * angles)[2:-2]).mean()
    assert error < bar
    assert np.abs(smooth - 1).mean() > 2 * bar  # the control: the sides do look hard


def test_a_preset_is_the_whole_probe_and_is_not_contradicted(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    small = ["--samples", "128", "--frames", "1", "--uniform", "--center-frequency", "3.5e6"]
    run("simulate", "--output", str(path), "--preset", "verasonics-c5-2v", *small)
    with h5py.File(path) as file:
        assert file["rf"].shape == (1, 128, 128)
        assert file.attrs["probe_type"] == "curved"
        assert file.attrs["line_pitch"] == pytest.approx(0.508 / 49.57)
        assert file.attrs["probe_radius"] == pytest.approx(49.57e-3)
    with pytest.raises(Exception, match="--preset atl-c5-2 already states --lines, --probe-radius"):
        run(
            "simulate", "--output", str(path), "--preset", "atl-c5-2", "--lines", "9", "--probe-radius", "0.1"
        )


def test_a_region_has_its_true_area_and_place() -> None:
    grid = Grid(axial_start=2e-3, axial_step=1e-4, lateral_start=-0.6, lateral_step=1.2 / 255,
                probe_type="curved", probe_radius=0.04)  # fmt: skip
    shape = (500, 256)
    region = Region(x=18, z=20, width=12, height=8)
    mask = region.mask(grid, shape)
    area = float((mask * cell_areas(grid, shape)).sum())
    assert area == pytest.approx(math.pi * 6 * 4, rel=0.02)
    x, z = cell_positions(grid, shape)
    weights = (mask * cell_areas(grid, shape))[mask]
    assert np.average(x[mask], weights=weights) == pytest.approx(18, abs=0.1)
    assert np.average(z[mask], weights=weights) == pytest.approx(20, abs=0.1)


def test_beams_of_twenty_degrees_part_the_oblique_ones() -> None:
    wide = Grid(axial_start=0, axial_step=1e-4, lateral_start=-0.5, lateral_step=1 / 99, probe_type="curved",
                probe_radius=0.05)  # fmt: skip
    left, right = oblique_lines(wide, (400, 100))
    for beam, sign in ((left, -1), (right, 1)):
        (x0, z0), (x1, z1) = beam
        assert math.degrees(math.atan2(x1 - x0, z1 - z0)) == pytest.approx(sign * 20)
        assert math.hypot(x0, z0 + 50) == pytest.approx(50, abs=0.1)  # leaves the probe's face
        assert math.hypot(x1 - x0, z1 - z0) == pytest.approx(40, abs=0.1)
    page = Geometry(strain=(wide, (400, 100)), bmode=None, flip=False).fields()
    assert page["oblique"] == [left.tolist(), right.tolist()]
    narrow = wide.model_copy(update={"lateral_start": -0.3, "lateral_step": 0.6 / 99})
    assert oblique_lines(narrow, (400, 100)) == []
    linear = wide.model_copy(update={"probe_type": "linear", "probe_radius": 0.0})
    assert oblique_lines(linear, (400, 100)) == []
