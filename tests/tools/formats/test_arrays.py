"""Arrays of .npz and .mat become frames only where it is clear which axis is which."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.signal import hilbert

from tests.tools.formats.rf_samples import band_noise, envelope
from tools.errors import RecordingError
from tools.formats import open_recording

CONSTANTS: dict[str, Any] = {"fs": 40e6, "fc": 4.8e6, "pitch": 0.3e-3, "probe_type": "linear", "c": 1500.0}
TIMES = {"t_acq": np.arange(5, dtype=np.int64) * 50_000_000}


def save(path: Path, arrays: dict[str, Any]) -> Path:
    savemat(path, arrays) if path.suffix == ".mat" else np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_aliases_and_samples(tmp_path: Path, rf: NDArray[np.int16], suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", {"RF": rf, **CONSTANTS, **TIMES})
    with open_recording(path) as recording:
        assert (recording.n_frames, recording.shape) == (5, (256, 32))
        assert recording.dtype == np.int16
        for k, frame in enumerate(rf):
            assert np.array_equal(recording.frame(k), frame)
        constants = recording.acquisition
        assert (constants.sampling_frequency, constants.center_frequency) == (40e6, 4.8e6)
        assert (constants.line_pitch, constants.sound_speed) == (0.3e-3, 1500.0)
        assert recording.t_acq[1] == 50_000_000
        assert not any(text.startswith(("sampling", "center", "line", "sound")) for text in recording.assumed)
        assert recording.header(0, source_id="a", session_id="b").dtype == "<i2"


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0), (0, 2, 1), (1, 0, 2), (2, 0, 1)])
def test_every_order_of_axes_is_recognised_by_carrier_and_times(
    tmp_path: Path, rf: NDArray[np.int16], order: tuple[int, int, int]
) -> None:
    path = save(tmp_path / "a.npz", {"rf": rf.transpose(order), **CONSTANTS, **TIMES})
    with open_recording(path) as recording:
        assert np.array_equal(recording.frame(3), rf[3])


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_an_unclear_frame_axis_is_refused_until_stated(
    tmp_path: Path, rf: NDArray[np.int16], suffix: str
) -> None:
    path = save(tmp_path / f"a{suffix}", {"rf": rf.transpose(1, 2, 0), **CONSTANTS})
    rate: dict[str, Any] = {"frame_rate": 20.0}
    with pytest.raises(RecordingError, match="--frame-axis"):
        open_recording(path, overrides=rate)
    with open_recording(path, overrides=rate | {"frame_axis": 2}) as recording:
        assert np.array_equal(recording.frame(3), rf[3])
    with open_recording(path, overrides=rate | {"frame_axis": 1}) as recording:
        assert recording.shape == (256, 5)  # the control: the caller's word counts, and gives something else
    with open_recording(path, overrides=rate | {"frame_axis": 2, "axes": "axial,lateral"}) as recording:
        assert np.array_equal(recording.frame(3), rf[3])
    with pytest.raises(RecordingError, match="--frame-axis"):
        open_recording(path, overrides=rate | {"axes": "axial,lateral"})
    for wrong in ({"frame_axis": 3}, {"axes": "x,y"}):
        with pytest.raises(RecordingError, match=r"frame_axis = 3|axes = 'x,y'"):
            open_recording(path, overrides=rate | wrong)


def test_three_frames_cannot_be_lines(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = save(tmp_path / "a.mat", {"rf": rf[:3].transpose(1, 2, 0), **CONSTANTS, "frame_rate": 20.0})
    with open_recording(path) as recording:
        assert (recording.n_frames, recording.shape) == (3, (256, 32))
        assert recording.frame_rate == pytest.approx(20.0)


def test_one_frame(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    for array in (rf[0], rf[0].T):
        with open_recording(save(tmp_path / "a.npz", {"rf": array, **CONSTANTS})) as recording:
            assert (recording.n_frames, recording.shape) == (1, (256, 32))
            assert np.array_equal(recording.frame(0), rf[0])


def test_iq_is_taken_as_it_is_said(tmp_path: Path) -> None:
    n = np.arange(300)[:, None]
    iq = hilbert(band_noise((3, 300, 32), 0.14), axis=1) * np.exp(-2j * np.pi * 0.125 * n)  # 5 MHz at 40 MHz
    constants = {key: CONSTANTS[key] for key in ("fs", "pitch", "probe_type")} | {"frame_rate": 20.0}
    path = save(tmp_path / "a.npz", {"iq": iq, **constants})
    with pytest.raises(RecordingError, match="--demodulation-frequency"):
        open_recording(path)
    with open_recording(path, overrides={"demodulation_frequency": 5e6}) as recording:
        assert recording.dtype == np.complex64
        assert recording.acquisition.kind == "iq"
        assert recording.acquisition.demodulation_frequency == 5e6
        assert np.allclose(recording.frame(1), iq[1], atol=1e-5)
        assert recording.header(0, source_id="a", session_id="b").dtype == "<c8"
        assert recording.acquisition.center_frequency == pytest.approx(0.14 * 40e6, rel=0.03)
        assert any(text.startswith("center_frequency: measured") for text in recording.assumed)
    square = save(tmp_path / "b.npz", {"iq": iq[:, :, :1].repeat(64, 2), **constants})
    with pytest.raises(RecordingError, match="axis"):  # two axes are long enough to be the beam
        open_recording(square, overrides={"demodulation_frequency": 5e6})


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_envelopes_are_refused(tmp_path: Path, suffix: str) -> None:
    images = envelope(band_noise((5, 512, 64)))
    path = save(tmp_path / f"a{suffix}", {"rf": images, **CONSTANTS, **TIMES})
    with pytest.raises(RecordingError, match="not RF"):
        open_recording(path)
    with pytest.raises(RecordingError, match="not RF"):
        open_recording(path, overrides={"frame_axis": 0, "axes": "axial,lateral"})


def test_which_array(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = save(tmp_path / "a.npz", {"compression": rf, "mask": rf, **CONSTANTS, **TIMES})
    with pytest.raises(RecordingError, match=r"compression \(5, 256, 32\).*--variable"):
        open_recording(path)
    with open_recording(path, overrides={"variable": "compression"}) as recording:
        assert recording.n_frames == 5
    with pytest.raises(RecordingError, match="no array other"):
        open_recording(path, overrides={"variable": "other"})
    twice = save(tmp_path / "b.npz", {"rf": rf, "RfData": rf, **CONSTANTS, **TIMES})
    with pytest.raises(RecordingError, match="more than once"):
        open_recording(twice)


def test_matlab_structs_are_looked_into(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    inside = {"fs": 40e6, "pitch": 0.3e-3, "Radius": 0.05, "note": "forearm"}
    path = save(tmp_path / "a.mat", {"RfData": rf, "param": inside, "probe_type": "linear", **TIMES})
    with open_recording(path) as recording:
        assert recording.acquisition.sampling_frequency == 40e6
        assert recording.acquisition.center_frequency == pytest.approx(0.12 * 40e6, rel=0.05)


def test_units_and_contradictions(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    def opened(**change: Any) -> None:
        open_recording(save(tmp_path / "a.npz", {"rf": rf, **CONSTANTS, **TIMES, **change})).close()

    opened()  # the control
    with pytest.raises(
        RecordingError, match=r"\.npz: sampling_frequency = 40 is not a value in Hz.*--sampling-frequency"
    ):
        opened(fs=40.0)
    with pytest.raises(RecordingError, match=r"line_pitch = 0\.3 is not a value in m .*--line-pitch"):
        opened(pitch=0.3)
    with pytest.raises(RecordingError, match="contradict"):
        opened(sampling_rate=20e6)
    with pytest.raises(RecordingError, match="is no number"):
        opened(fs="fast")
    with pytest.raises(RecordingError, match="probe_type = 'round'"):
        opened(probe_type="round")
    with pytest.raises(RecordingError, match="nanoseconds"):
        opened(t_acq=np.arange(5.0))
    with pytest.raises(RecordingError, match="not clear"):
        opened(t_acq=np.arange(7))


def test_times_in_seconds_keep_what_float64_holds(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    seconds = 1602266657.0 + np.arange(5) * 0.0625
    arrays = {"rf": rf, **CONSTANTS, "timestamps": seconds}
    with open_recording(save(tmp_path / "a.npz", arrays)) as recording:
        assert recording.t_acq.tolist() == [1602266657 * 10**9 + k * 62_500_000 for k in range(5)]


def test_pickles_are_never_loaded(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "a.npz"
    np.savez(path, rf=np.array([Bomb()], dtype=object))
    with pytest.raises(RecordingError, match="plain arrays"):
        open_recording(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(RecordingError, match="plain arrays"):
        open_recording(path)
    assert not (tmp_path / "exploded").exists()
