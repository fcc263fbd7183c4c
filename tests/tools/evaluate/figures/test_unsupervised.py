"""Figures without truth on small simulated recordings: the reference passes, broken engines are caught."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from engine.estimator import Estimator, StatelessEstimator
from engine.simulation import Inclusion
from engine.simulation.scenario import SimulationSettings
from engine.spec import EngineSpec, FrameArray, Stopwatch, StrainResult, no_stopwatch
from streamer.config import Config
from streamer.config_file import load_config
from tests.tools.programs import write_press
from tools.cli import app
from tools.evaluate.assess import short_names
from tools.evaluate.figures.unsupervised import unsupervised_figures, watch
from tools.evaluate.methods import Engines, Setting
from tools.evaluate.report import consecutive
from tools.formats import open_recording
from tools.simulate import simulate_recording


class Broken(StatelessEstimator):
    """The reference with one thing spoilt."""

    def __init__(self, estimator: Estimator, how: str) -> None:
        self.name, self.precision, self.model_hash = "broken", "float32", None
        self.spec, self._estimator, self._how = estimator.spec, estimator, how
        self._first: StrainResult | None = None

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        result = self._estimator.propose(pre, post, stopwatch)
        if self._how == "shrunken":
            return replace(result, axial_strain=0.9 * result.axial_strain)
        if self._how == "bold":
            return replace(result, strain_std=result.strain_std / np.float32(10))
        self._first = self._first or result
        return self._first  # frozen


class Opening(Engines):
    """Opens the reference, spoilt or not, whatever is asked for."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    def __call__(self, setting: Setting, spec: EngineSpec) -> Estimator:
        estimator = super().__call__(setting, spec)
        return estimator if self._how == "whole" else Broken(estimator, self._how)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unsupervised") / "press.h5"
    settings = SimulationSettings(
        frames=7,
        frame_rate=15.0,
        shape=(800, 32),
        inclusions=(Inclusion(depth=8e-3, lateral=0.0, radius=2.5e-3, stiffness=3.0),),
        in_band_snr_db=20.0,
    )
    simulate_recording(path, settings)
    return path


FINE = load_config(Path("fine"))  # neighbours of a small recording, all of it


def figures(recording: Path, how: str, config: Config | None = None) -> dict[str, float]:
    with open_recording(recording) as opened:
        return unsupervised_figures(watch(opened, config or FINE, "reference", Opening(how)))


def assert_sound(found: dict[str, float]) -> None:
    assert found["mean_preserved"] == pytest.approx(1.0, abs=0.02)
    assert found["closure"] < 1.2
    assert found["ncc_explained_low"] - 0.01 < found["ncc"] < found["ncc_explained_high"] + 0.01
    # in size, not in NCC: the first image is coarse, and becomes another one as it grows finer
    assert found["change_fused"] < 0.5 * found["change_single"]
    assert found["change_fused"] < found["change_single"]


def test_the_reference_is_sound(recording: Path) -> None:
    found = figures(recording, "whole")
    assert_sound(found)
    assert found["pairs"] == 6
    assert found["accepted"] > 0.5


@pytest.mark.parametrize("how", ["shrunken", "bold", "frozen"])
def test_a_spoilt_engine_is_caught(recording: Path, how: str) -> None:
    with pytest.raises(AssertionError):
        assert_sound(figures(recording, how))


def test_the_command_reports_and_draws(recording: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / "images.png"
    result = CliRunner().invoke(app, ["assess", str(recording), "--json", "--save", str(target)])
    assert result.exception is None
    event: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    (line,) = event["figures"]
    assert (event["event"], line["file"], line["engine"]) == ("assess", "press", "reference")
    assert target.read_bytes().startswith(b"\x89PNG")


def test_the_weights_of_the_configuration_are_the_ones_assessed(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[engine]\nweights = "not-there.safetensors"\n')
    asked = ["assess", str(recording), "--config", str(tmp_path / "a.toml"), "--engine"]
    result = CliRunner().invoke(app, [*asked, "eager"])
    assert "not-there" in str(result.exception)
    assert CliRunner().invoke(app, [*asked, "reference"]).exception is None  # which has none


def test_without_matplotlib_the_remedy_is_an_option_of_this_command(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = CliRunner().invoke(app, ["assess", str(recording), "--save", "images.png"])
    assert "the image needs matplotlib" in str(result.exception)
    assert "or leave out --save" in str(result.exception)


@pytest.mark.parametrize("engine", ["reference", "onnx"])
def test_the_b_mode_lies_where_strain_lies(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """Whether a column of strain is a line or, as the network's, several."""
    drawn: list[Figure] = []
    monkeypatch.setattr(consecutive, "save_png", lambda figure, path: drawn.append(figure))
    with open_recording(recording) as opened:
        watched = watch(opened, Config(), engine, Engines())
    consecutive.draw_consecutive([("press", watched)], tmp_path / "images.png")
    b_mode, strain = (drawn[0].axes[k].images[0].get_extent() for k in (0, 1))
    assert b_mode[1] - b_mode[0] == pytest.approx(1e3 * 32 * watched.spec.line_pitch)
    assert b_mode == pytest.approx(strain, abs=0.7)  # mm, a column


def test_images_of_a_curved_probe_are_sectors_in_mm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_press(tmp_path / "curved.h5", probe_type="curved", probe_radius=0.05, line_pitch=0.02)
    drawn: list[Figure] = []
    monkeypatch.setattr(consecutive, "save_png", lambda figure, path: drawn.append(figure))
    with open_recording(path) as opened:
        n_lines = opened.shape[1]
        watched = watch(opened, Config(), "trivial", Engines())
    consecutive.draw_consecutive([("press", watched)], tmp_path / "images.png")
    region = watched.messages[-1].header.region
    assert region is not None
    half_width = 1e3 * (0.05 + region[1]) * np.sin(0.5 * (n_lines - 1) * 0.02)
    for axis in drawn[0].axes[:2]:  # B-mode and strain
        assert axis.get_xlim() == pytest.approx((-half_width, half_width), rel=0.01)
        deepest, shallowest = axis.get_ylim()
        assert deepest == pytest.approx(1e3 * region[1], rel=0.01)
        assert shallowest < 1e3 * region[0]  # at the sides the sector begins higher
        x, z = np.moveaxis(np.asarray(axis.collections[0].get_coordinates()), -1, 0)  # type: ignore[attr-defined]
        assert np.hypot(x, z + 50).max() - 50 == pytest.approx(1e3 * region[1], rel=0.2)
        assert np.abs(np.arctan2(x, z + 50)).max() == pytest.approx(0.5 * n_lines * 0.02, abs=0.001)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a/scan.h5", "b/scan.h5"], ["a/scan", "b/scan"]),
        (["one.h5", "b/scan.h5"], ["one", "scan"]),
        (["scan.h5", "a/scan.h5", "b/a/scan.h5"], [None, None, "b/a/scan"]),
        (["scan.h5", "scan.npz"], ["scan.h5", "scan.npz"]),
    ],
)
def test_recordings_of_one_name_are_told_apart(files: list[str], names: list[str | None]) -> None:
    found = short_names([Path(file) for file in files])
    assert len(set(found.values())) == len(files)
    for file, name in zip(files, names, strict=True):
        assert name in (None, found[Path(file)])


def test_every_recording_has_its_figures(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = shutil.copy(recording, tmp_path / "other" / recording.name)
    result = CliRunner().invoke(app, ["assess", str(recording), str(other), "--engine", "trivial", "--json"])
    event: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    assert [line["file"].split("/")[-1] for line in event["figures"]] == ["press", "press"]
    assert len({line["file"] for line in event["figures"]}) == 2


def test_the_arm_recordings(arm_dir: Path) -> None:
    handheld = {"pairing": {"mode": "stride", "stride": 3}, "region": {"axial_from": 5.0, "axial_to": 15.0}}
    config = Config.model_validate({**handheld, "engine": {"axial_window": 4.0, "lateral_window": 2.0}})
    found = figures(arm_dir / "rf0304_86.mhd", "whole", config)
    assert found["pairs"] == 3
    assert found["closure"] < 1.2
    # in size, not in NCC: the first image is coarse, and becomes another one as it grows finer
    assert found["change_fused"] < 0.5 * found["change_single"]
    assert not np.isnan(found["mean_preserved"])
