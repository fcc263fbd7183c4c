"""Option before file before preset before measurement, and nothing assumed in silence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import MetaWriter, band_noise
from tools.errors import RecordingError
from tools.formats import open_recording
from tools.formats.presets import presets


def notes(recording: Any, field: str) -> list[str]:
    return [text for text in recording.assumed if text.startswith(f"{field}:")]


def test_what_is_measured_or_assumed_is_noted_once(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    with open_recording(write_mhd(rf)) as recording:
        constants = recording.acquisition
        assert constants.sampling_frequency == pytest.approx(38.5e6)
        assert constants.center_frequency == pytest.approx(0.12 * 38.5e6, rel=0.03)
        assert (constants.probe_type, constants.sound_speed) == ("linear", 1540.0)
        measured = f"{constants.center_frequency / 1e6:.2f} MHz"
        assert notes(recording, "center_frequency") == [f"center_frequency: measured on the data, {measured}"]
        for field in ("sampling_frequency", "probe_type", "sound_speed", "initial_time"):
            assert len(notes(recording, field)) == 1
        assert notes(recording, "line_pitch") == []  # the file states it
        header = recording.header(0, source_id="a", session_id="b")
        assert header.assumed == recording.assumed


def test_options_come_first_and_are_not_called_assumed(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    given = {
        "sampling_frequency": 40e6,
        "center_frequency": 5e6,
        "probe_type": "linear",
        "line_pitch": 0.25e-3,
        "sound_speed": 1480.0,
        "initial_time": 1e-6,
        "frame_rate": 30.0,
        "variable": None,
    }
    with open_recording(write_mhd(rf), overrides=given) as recording:
        for name, value in given.items():
            if name not in {"frame_rate", "variable"}:
                assert getattr(recording.acquisition, name) == value
        assert recording.assumed == ()
        assert recording.frame_rate == pytest.approx(30.0)


def test_sound_speed_moves_the_derived_sampling_frequency(
    write_mhd: MetaWriter, rf: NDArray[np.int16]
) -> None:
    with open_recording(write_mhd(rf), overrides={"sound_speed": 1480.0}) as recording:
        assert recording.acquisition.sampling_frequency == pytest.approx(1480.0 / 2 / 0.02e-3)


def test_an_option_that_contradicts_the_file_or_the_samples_is_said(
    tmp_path: Any, write_mhd: MetaWriter, rf: NDArray[np.int16]
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, rf=rf[0], fs=40e6, pitch=3e-4, probe_type="linear")
    with open_recording(path, overrides={"sampling_frequency": 20e6}) as recording:
        assert notes(recording, "sampling_frequency") == [
            "sampling_frequency: given as 2e+07, the file states 40000000.0"
        ]
    with open_recording(write_mhd(rf), overrides={"center_frequency": 9e6}) as recording:
        assert recording.acquisition.center_frequency == 9e6
        assert "the data show 4.6" in notes(recording, "center_frequency")[0]
    with open_recording(write_mhd(rf), overrides={"center_frequency": 5.2e6}) as recording:
        assert notes(recording, "center_frequency") == []  # nominal frequencies lie above the received one


def test_everything_missing_is_named_at_once(tmp_path: Any, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, rf=rf[0])
    with pytest.raises(RecordingError) as caught:
        open_recording(path)
    for option in ("--sampling-frequency HZ", "--probe-type", "--line-pitch", "--preset"):
        assert option in str(caught.value)
    with pytest.raises(RecordingError, match="did you mean sampling_frequency"):
        open_recording(path, overrides={"samplingfrequency": 40e6})
    with pytest.raises(RecordingError, match="below half"):
        open_recording(
            path,
            overrides={
                "sampling_frequency": 4e6,
                "center_frequency": 5e6,
                "line_pitch": 3e-4,
                "probe_type": "linear",
            },
        )


def test_a_preset_gives_the_geometry(tmp_path: Any) -> None:
    frame = (band_noise((256, 128)) * 500).astype(np.int16)
    path = tmp_path / "a.npz"
    np.savez(path, rf=frame, fs=40e6)
    with open_recording(path, preset="ultrasonix-l14-5-38") as recording:
        assert recording.acquisition.probe_type == "linear"
        assert recording.acquisition.line_pitch == 0.3048e-3
        assert notes(recording, "line_pitch")[0].startswith(
            "line_pitch: preset ultrasonix-l14-5-38, 0.3048 mm"
        )
    with open_recording(path, preset="verasonics-c5-2v") as recording:
        constants = recording.acquisition
        assert (constants.probe_type, constants.probe_radius) == ("curved", 49.57e-3)
        assert constants.line_pitch == pytest.approx(0.508 / 49.57)  # radians
        assert len(notes(recording, "probe_radius")) == len(notes(recording, "line_pitch")) == 1
        assert recording.header(0, source_id="a", session_id="b").probe_radius == 49.57e-3
    with open_recording(path, preset="ultrasonix-l14-5-38", overrides={"line_pitch": 1e-4}) as recording:
        assert recording.acquisition.line_pitch == 1e-4
        assert notes(recording, "line_pitch") == []
    with pytest.raises(RecordingError, match="did you mean ultrasonix-l14-5-38"):
        open_recording(path, preset="ultrasonix-l14-5")
    with pytest.raises(RecordingError, match="192 elements, the recording 128 lines"):
        open_recording(path, preset="verasonics-l12-3v")


def test_a_file_comes_before_a_preset(write_mhd: MetaWriter) -> None:
    frames = (band_noise((2, 256, 128)) * 500).astype(np.int16)
    with open_recording(write_mhd(frames), preset="ultrasonix-l14-5-38") as recording:
        assert recording.acquisition.line_pitch == pytest.approx(0.3e-3)  # ElementSpacing, not 0.3048 mm


def test_curved_geometry_is_never_guessed_from_millimetres(
    write_mhd: MetaWriter, rf: NDArray[np.int16]
) -> None:
    path = write_mhd(rf)
    with pytest.raises(RecordingError) as caught:
        open_recording(path, overrides={"probe_type": "convex"})
    assert "--line-pitch" in str(caught.value)
    assert "--probe-radius" in str(caught.value)
    given = {"probe_type": "convex", "line_pitch": 0.01, "probe_radius": 0.05}
    with open_recording(path, overrides=given) as recording:
        assert recording.acquisition.probe_type == "curved"
        assert recording.acquisition.line_pitch == 0.01
    with pytest.raises(RecordingError, match="in rad"):
        open_recording(path, overrides=given | {"line_pitch": 0.3})


def test_every_preset_makes_sense() -> None:
    assert len(presets()) >= 8
    for preset in presets().values():
        aperture = preset.elements * preset.pitch
        assert 5e-3 < aperture < 0.1
        assert (preset.probe_type == "curved") == (preset.probe_radius > 0)
        if preset.probe_type == "curved":
            assert 0.3 < preset.elements * preset.line_pitch < 2.0  # rad of field of view


PARAM: dict[str, Any] = {
    "fs": 40e6,
    "fc": 4.8e6,
    "pitch": 0.508e-3,
    "radius": 49.57e-3,
    "c": 1540.0,
    "t0": 0.0,
}
"""A simulator's parameters of a convex probe: the pitch lies along its face."""
CURVED = {"probe_type": "curved", "frame_axis": 0, "frame_rate": 20.0}


def test_a_convex_pitch_in_metres_becomes_an_angle(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, rf=rf, **PARAM)
    with open_recording(path, overrides=CURVED) as recording:
        assert recording.acquisition.line_pitch == pytest.approx(0.508 / 49.57)
        assert notes(recording, "line_pitch") == [
            "line_pitch: pitch / radius, 10.25 mrad from 0.508 mm along the face, one line per element"
        ]
    np.savez(path, rf=rf, **PARAM | {"pitch": 0.01})  # the control: an angle stays what it is
    with open_recording(path, overrides=CURVED) as recording:
        assert recording.acquisition.line_pitch == 0.01
        assert notes(recording, "line_pitch") == []
    np.savez(path, rf=rf, **PARAM | {"radius": np.inf})  # a flat probe: the pitch is in metres
    with open_recording(path, overrides={"frame_axis": 0, "frame_rate": 20.0}) as recording:
        assert recording.acquisition.probe_type == "linear"
        assert recording.acquisition.line_pitch == 0.508e-3


def test_a_pitch_in_metres_without_a_radius_is_asked_about(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.npz"
    flat = {name: value for name, value in PARAM.items() if name != "radius"}
    np.savez(path, rf=rf, **flat)
    with pytest.raises(RecordingError, match=r"probe_radius, line_pitch: give --"):
        open_recording(path, overrides=CURVED)
    with pytest.raises(RecordingError, match="--line-pitch"):
        open_recording(path, overrides=CURVED | {"probe_type": "phased"})
    np.savez(path, rf=rf, **PARAM)
    with pytest.raises(RecordingError, match=r"0\.000508 rad is a fan of 0\.9 degrees.*0\.01025"):
        open_recording(path, overrides=CURVED | {"line_pitch": 0.508e-3})


def test_a_preset_that_disagrees_with_the_file_is_named(tmp_path: Path) -> None:
    wide = (band_noise((2, 128, 128)) * 500).astype(np.int16)
    path = tmp_path / "a.npz"
    for radius, noted in ((49.57e-3, False), (60e-3, True)):
        np.savez(path, rf=wide, **PARAM | {"radius": radius})
        with open_recording(path, preset="verasonics-c5-2v", overrides=CURVED) as recording:
            stated = any("preset verasonics-c5-2v states 0.01025" in note for note in recording.assumed)
            assert stated == noted


def test_times_that_no_scanner_has_are_questioned(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    path = write_mhd(rf, times=[str(50 * k) for k in range(5)])  # milliseconds
    with pytest.raises(RecordingError, match=r"50 s apart, 0\.02 frames/s.*--frame-rate"):
        open_recording(path)
    with open_recording(path, overrides={"frame_rate": 20.0}) as recording:
        assert recording.frame_rate == pytest.approx(20.0)
    with open_recording(write_mhd(rf, times=[f"{k * 1e-6:.7f}" for k in range(5)])) as recording:
        assert notes(recording, "t_acq")
    with open_recording(write_mhd(rf, times=["0", "0.05", "0.1", "60", "60.05"])) as recording:
        assert not notes(recording, "t_acq")  # a pause is no question


def test_one_message_asks_for_everything(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, rf=rf.transpose(1, 2, 0))
    with pytest.raises(RecordingError) as caught:
        open_recording(path)
    asked = ["--frame-axis", "--sampling-frequency", "--probe-type", "--line-pitch", "--frame-rate"]
    assert [option for option in asked if option not in str(caught.value)] == []
    assert "\n" not in str(caught.value)
    given = {"frame_axis": 2, "sampling_frequency": 40e6, "probe_type": "linear", "line_pitch": 0.3e-3}
    with pytest.raises(RecordingError, match=r"does not state frame_rate: give --frame-rate HZ$"):
        open_recording(path, overrides=given)
    open_recording(path, overrides=given | {"frame_rate": 20.0}).close()
    np.savez(path, left=rf, right=rf, fs=40e6)
    with pytest.raises(RecordingError, match=r"--variable.*--probe-type.*--frame-rate") as caught:
        open_recording(path)
    assert "--sampling-frequency" not in str(caught.value)
