"""The project's own recordings: data are read as written, or there is no file."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats import Acquisition, open_recording, write_recording

LINEAR = Acquisition(
    sampling_frequency=40e6, center_frequency=4.8e6, probe_type="linear", line_pitch=0.3e-3, clock="unix"
)


def write(path: Path, frames: NDArray[np.int16], acquisition: Acquisition = LINEAR) -> Path:
    with write_recording(path, acquisition) as writer:
        for k, frame in enumerate(frames):
            writer.append(frame, t_acq=10**18 + k * 50_000_000)
    return path


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.complex64])
def test_samples_and_constants_come_back_bit_for_bit(
    tmp_path: Path, rf: NDArray[np.int16], dtype: type
) -> None:
    frames = rf.astype(dtype) * dtype(1j if dtype is np.complex64 else 1)
    acquisition = Acquisition(
        kind="iq" if dtype is np.complex64 else "rf",
        clock="monotonic",
        sampling_frequency=20e6,
        center_frequency=3.5e6,
        probe_type="curved",
        line_pitch=0.01,
        probe_radius=0.05,
        sound_speed=1480.0,
        initial_time=2e-6,
        demodulation_frequency=3.4e6 if dtype is np.complex64 else 0.0,
        steering_angles=(-0.1, 0.0, 0.1),
        orientation="MF",
        assumed=("sound_speed: water at 20 °C",),
    )
    with write_recording(tmp_path / "a.h5", acquisition) as writer:
        for k, frame in enumerate(frames):
            writer.append(frame, t_acq=7 + 10**7 * k, frame_index=2 * k, status="OK" if k else "PROBE LIFTED")
    with open_recording(tmp_path / "a.h5") as recording:
        assert recording.acquisition == acquisition
        assert recording.dtype == dtype
        assert recording.t_acq.tolist() == [7 + 10**7 * k for k in range(5)]
        assert recording.frame_index.tolist() == [0, 2, 4, 6, 8]
        assert recording.n_missing == 4
        assert recording.status == ("PROBE LIFTED", "OK", "OK", "OK", "OK")
        for k, frame in enumerate(frames):
            assert np.array_equal(recording.frame(k), frame)
        assert not np.array_equal(recording.frame(0), frames[1])  # the control


def test_headers_carry_everything(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    with open_recording(write(tmp_path / "a.h5", rf)) as recording:
        pairs = list(recording.frames(source_id="replay", session_id="s1"))
        header, samples = pairs[3]
        assert len(pairs) == 5
        assert (header.frame_index, header.t_acq, header.clock) == (3, 10**18 + 150_000_000, "unix")
        assert (header.shape, header.dtype, header.axes) == ((256, 32), "<i2", "axial,lateral")
        assert header.nbytes == samples.nbytes
        assert samples.flags.c_contiguous
        assert header.origin == "replay"
        assert Acquisition.from_header(header) == recording.acquisition == LINEAR
        again = recording.header(3, source_id="replay", session_id="s1", frame_index=77)
        assert again.frame_index == 77
        with pytest.raises(IndexError):
            recording.frame(5)
        with pytest.raises(IndexError):
            recording.frame(-1)


def test_truth_is_read_per_frame(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    grid = {"axial_step": 4.0, "unit": "samples"}
    with write_recording(tmp_path / "a.h5", LINEAR, truth_attributes=grid) as writer:
        for k, frame in enumerate(rf):
            u = np.full((64, 8), k, np.float64)
            writer.append(frame, t_acq=k, truth={"axial_displacement": u, "lateral_displacement": -u})
    with open_recording(tmp_path / "a.h5") as recording:
        assert recording.truth is not None
        assert recording.truth.names == ("axial_displacement", "lateral_displacement")
        assert recording.truth.attributes == grid
        truth = recording.truth.read(2)
        assert truth["axial_displacement"].dtype == np.float32
        assert (truth["lateral_displacement"] == -2).all()
    with open_recording(write(tmp_path / "b.h5", rf)) as recording:
        assert recording.truth is None


def test_a_failed_recording_leaves_nothing_and_harms_nothing(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = write(tmp_path / "a.h5", rf)
    before = path.read_bytes()

    def broken_frames() -> Iterator[NDArray[np.int16]]:
        yield rf[0]
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError), write_recording(path, LINEAR, overwrite=True) as writer:  # noqa: PT012 - the failure is inside
        for frame in broken_frames():
            writer.append(frame, t_acq=1)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    with pytest.raises(RecordingError, match="exists"):
        write_recording(path, LINEAR)
    with pytest.raises(RecordingError, match="no frame"), write_recording(tmp_path / "b.h5", LINEAR):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    with write_recording(path, LINEAR, overwrite=True) as writer:
        writer.append(rf[0], t_acq=1)
        assert path.read_bytes() == before  # the old one stays until the new one is complete
    with open_recording(path) as recording:
        assert recording.n_frames == 1


def test_the_writer_refuses_what_would_not_read_back(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    with write_recording(tmp_path / "a.h5", LINEAR) as writer:
        with pytest.raises(RecordingError, match="complex64"):
            writer.append(rf[0].astype(np.complex64), t_acq=0)
        with pytest.raises(RecordingError, match="int16 or float32"):
            writer.append(rf[0].astype(np.float64), t_acq=0)
        writer.append(rf[0], t_acq=0, frame_index=4)
        with pytest.raises(RecordingError, match="must rise"):
            writer.append(rf[1], t_acq=1, frame_index=4)
        with pytest.raises(RecordingError, match=r"\(100, 32\)"):
            writer.append(rf[1][:100], t_acq=1)
        with pytest.raises(RecordingError, match="float32"):
            writer.append(rf[1].astype(np.float32), t_acq=1)
        with pytest.raises(RecordingError, match="truth"):
            writer.append(rf[1], t_acq=1, truth={"axial_displacement": np.zeros(3)})
        writer.append(rf[1], t_acq=1)
    with open_recording(tmp_path / "a.h5") as recording:
        assert recording.frame_index.tolist() == [4, 5]


def test_foreign_and_newer_files_are_named(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = write(tmp_path / "a.h5", rf)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(RecordingError, match="format_version 2"):
        open_recording(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["format"]
    with open_recording(path) as recording:  # still arrays with names
        assert np.array_equal(recording.frame(1), rf[1])
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(RecordingError, match="HDF5"):
        open_recording(tmp_path / "text.h5")


def test_missing_constants_are_completed(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = write(tmp_path / "a.h5", rf)
    with h5py.File(path, "r+") as file:
        del file.attrs["center_frequency"], file.attrs["sound_speed"]
    with open_recording(path) as recording:
        assert recording.acquisition.center_frequency == pytest.approx(4.8e6, rel=0.03)
        assert any(text.startswith("center_frequency: measured on the data") for text in recording.assumed)
        assert "sound_speed: assumed, 1540 m/s" in recording.assumed
    with h5py.File(path, "r+") as file:
        del file.attrs["sampling_frequency"]
    with pytest.raises(RecordingError, match="--sampling-frequency"):
        open_recording(path)
