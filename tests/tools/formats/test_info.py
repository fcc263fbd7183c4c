"""`musse-stream info` for people and for programs."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from tests.tools.programs import write_press
from tools.cli import app
from tools.errors import RecordingError
from tools.formats import Acquisition, open_recording, write_recording
from tools.formats.opening import READERS

LINEAR = Acquisition(sampling_frequency=40e6, center_frequency=4.8e6, probe_type="linear", line_pitch=0.3e-3)


def record(path: Path, frames: list[NDArray[np.int16]], statuses: list[str], indices: list[int]) -> Path:
    with write_recording(path, LINEAR) as writer:
        for frame, status, index in zip(frames, statuses, indices, strict=True):
            writer.append(frame, t_acq=index * 50_000_000, frame_index=index, status=status)
    return path


def told(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["info", *arguments], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_figures_of_every_frame(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    clipped = np.clip(rf[1], -500, 500)
    silent = np.zeros_like(rf[2])
    path = record(
        tmp_path / "a.h5", [rf[0], clipped, silent, rf[3]], ["OK", "OK", "OK", "LIFTED"], [3, 4, 5, 8]
    )
    found = json.loads(told(str(path), "--json"))
    assert (found["frames"], found["shape"], found["dtype"]) == (4, [256, 32], "int16")
    assert found["missing_frames"] == 2
    assert found["frame_rate"] == pytest.approx(20.0)
    assert (found["interval_min"], found["interval_max"]) == pytest.approx((0.05, 0.15))
    assert found["depth"] == pytest.approx(256 * 1540 / 2 / 40e6)
    assert found["header"]["center_frequency"] == 4.8e6
    assert found["assumed"] == []
    frames = found["per_frame"]
    assert [frame["refused"] for frame in frames] == [None, "saturated", "no_signal", "bad_status"]
    assert frames[0]["rms"] == pytest.approx(np.sqrt(np.mean(rf[0].astype(float) ** 2)))
    assert frames[0]["peak"] == np.abs(rf[0].astype(int)).max()
    assert frames[0]["at_extremes"] < 0.001
    assert frames[1]["at_extremes"] > 0.3
    assert frames[2]["zeros"] == 1.0


def test_tables_agree_with_json(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    text = told(str(record(tmp_path / "a.h5", [rf[0], rf[1]], ["OK", "OK"], [0, 1])))
    for part in ("256 samples x 32 lines, int16", "40 MHz", "4.8 MHz", "0.3 mm apart", "0.050 s at 20.00 Hz"):
        assert part in text
    assert "refuse 0 frames" in text


def test_not_finite_samples_are_no_json_numbers(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    frame = np.full((256, 32), np.nan, np.float32)
    with write_recording(tmp_path / "a.h5", LINEAR) as writer:
        writer.append(frame, t_acq=0)
    found = json.loads(told(str(tmp_path / "a.h5"), "--json"))["per_frame"][0]
    assert (found["rms"], found["peak"], found["refused"]) == (None, None, "not_finite")
    assert "not_finite" in told(str(tmp_path / "a.h5"))


def test_long_recordings_list_what_is_wrong(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    frames = [rf[0]] * 30
    frames[17] = np.zeros_like(rf[0])
    text = told(str(record(tmp_path / "a.h5", frames, ["OK"] * 30, list(range(30)))))
    assert "refuse 1 frames of 30" in text
    assert text.count("no_signal") == 1
    assert " ok " not in text


def test_options_reach_the_recording(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    np.savez(tmp_path / "a.npz", rf=rf.transpose(1, 2, 0))
    given = ["--sampling-frequency", "40e6", "--probe-type", "curved", "--line-pitch", "0.01"]
    given += ["--probe-radius", "0.05", "--frame-rate", "25", "--frame-axis", "2", "--sound-speed", "1480"]
    found = json.loads(told(str(tmp_path / "a.npz"), "--json", *given))
    assert found["frames"] == 5
    assert found["header"]["probe_radius"] == 0.05
    assert found["header"]["sound_speed"] == 1480
    assert any("center_frequency: measured" in text for text in found["assumed"])
    text = told(str(tmp_path / "a.npz"), *given)
    assert "10 mrad apart" in text
    assert "center_frequency: measured" in text


def test_strain_results_are_described(tmp_path: Path) -> None:
    path = tmp_path / "strain.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(format="musse-strain", format_version=1, engine="trivial", assumed="a: b\nc: d")
        file["axial_strain"] = np.zeros((3, 40, 20), np.float32)
        file["mean_strain"] = np.array([np.nan, -0.002, -0.001])
        file["pre_index"], file["post_index"] = np.array([-1, 0, 1]), np.array([0, 1, 2])
        file.create_dataset("rejection", data=["first", "", ""], dtype=h5py.string_dtype())
    found = json.loads(told(str(path), "--json"))
    assert (found["pairs"], found["with_values"], found["rejections"]) == (3, 2, {"first": 1})
    assert (found["mean_strain_min"], found["mean_strain_max"]) == (-0.002, -0.001)
    text = told(str(path))
    assert "40 x 20" in text
    assert "trivial" in text


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_results_are_shown_in_units_and_are_no_recording(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"strain{suffix}"
    press = write_press(tmp_path / "press.h5", 3)
    settings = "[region]\naxial_from = 1.0\n[engine]\naxial_window = 2.0\nlateral_window = 1.0\n"
    (tmp_path / "region.toml").write_text(settings)
    process = ["process", str(press), "--output", str(path), "--engine", "trivial"]
    done = CliRunner().invoke(app, [*process, "--config", str(tmp_path / "region.toml")])
    assert done.exit_code == 0, done.output
    text = " ".join(told(str(path)).split())
    for words in (
        "strain results 3 pairs, 2 with values",
        "frame numbers 0 to 2, counted from 0 at the recording's first frame",
        "2 mm along the beam, 1 mm across",
        "mm deep, -2.25 to 2.25 mm across",
        "sampling frequency 40 MHz",
        "probe linear, lines 0.3 mm apart",
        "engine settings name trivial",
    ):
        assert words in text.replace(" │ ", " ").replace("│ ", "").replace(" │", "")
    with pytest.raises(RecordingError, match=rf"strain\{suffix} holds strain results.*musse-stream info"):
        open_recording(path)


def test_a_recording_that_begins_at_another_number_names_that_of_results(
    tmp_path: Path, rf: NDArray[np.int16]
) -> None:
    frames, statuses = [rf[0], rf[1]], ["OK", "OK"]
    for first, named in ((7, True), (0, False)):
        path = record(tmp_path / f"{first}.h5", frames, statuses, [first, first + 1])
        assert ("number 7 here, 0 in results and for --frame" in told(str(path))) == named


@pytest.mark.parametrize("suffix", sorted(READERS.keys() - {".mcap"}))
def test_an_empty_recording_of_any_kind_is_named_in_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty{suffix}"
    path.touch()
    result = CliRunner().invoke(app, ["info", str(path)])
    assert isinstance(result.exception, RecordingError), result.output
    assert str(path) in str(result.exception)
    assert "\n" not in str(result.exception)


def test_formats_and_info_need_no_torch(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = record(tmp_path / "a.h5", [rf[0]], ["OK"], [0])
    code = """
import sys
import tools.cli
heavy = {"numpy", "h5py", "scipy", "rich.console"} & set(sys.modules)
assert not heavy, heavy  # --help stays instant
tools.cli.app(["info", sys.argv[1], "--json"], standalone_mode=False)
assert "h5py" in sys.modules and "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == 1
