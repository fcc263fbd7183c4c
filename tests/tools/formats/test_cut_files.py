"""Files that were cut or are no recording: whole frames are read, with a note, the rest is refused."""

from pathlib import Path

import nrrd
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import band_noise
from tools.errors import RecordingError
from tools.formats import open_recording
from tools.formats.acquisition import checked_probe_type

STATED: dict[str, object] = {
    "sampling_frequency": 40e6,
    "line_pitch": 0.3e-3,
    "probe_type": "linear",
    "frame_rate": 20.0,
}


def cut(path: Path, lost: int) -> Path:
    path.write_bytes(path.read_bytes()[:-lost])
    return path


def written(path: Path, rf: NDArray[np.int16], form: str) -> Path:
    """`rf` (frames, axial, lateral) with the frames along the slowest axis of the file."""
    if form == "npy":
        np.save(path, rf)
    elif form == "npy, Fortran order":
        np.save(path, np.asfortranarray(rf.transpose(1, 2, 0)))
    else:
        header = {"kinds": ["domain", "domain", "list"], "encoding": form.removeprefix("nrrd, ")}
        nrrd.write(str(path), rf.transpose(1, 2, 0), header, index_order="F")
    return path


@pytest.mark.parametrize("form", ["npy", "npy, Fortran order", "nrrd, raw", "nrrd, gzip"])
def test_the_whole_frames_are_read(tmp_path: Path, rf: NDArray[np.int16], form: str) -> None:
    path = written(tmp_path / f"a.{form[:4].strip(',')}", rf, form)
    frame_axis = None if form.startswith("nrrd") else 2 if "Fortran" in form else 0
    with open_recording(path, overrides=STATED | {"frame_axis": frame_axis}) as recording:
        assert recording.n_frames == len(rf)  # the control
    cut(path, max(64, path.stat().st_size // (3 * len(rf))))
    with open_recording(path, overrides=STATED | {"frame_axis": frame_axis}) as recording:
        assert recording.n_frames == len(rf) - 1
        assert np.array_equal(recording.frame(0), rf[0])
        assert np.array_equal(recording.frame(len(rf) - 2), rf[-2])
        note = f"{len(rf) - 1} whole ones in the file, its header describes {len(rf)}"
        assert any(note in line for line in recording.assumed)


def test_a_cut_along_the_beam_or_within_the_first_frame_is_refused(
    tmp_path: Path, rf: NDArray[np.int16]
) -> None:
    path = cut(written(tmp_path / "a.npy", rf.transpose(1, 2, 0), "npy"), 64)  # frames are fastest here
    with pytest.raises(RecordingError, match=r"a\.npy is not a readable \.npy"):
        open_recording(path, overrides=STATED | {"frame_axis": 2})
    for form in ("npy", "nrrd, raw"):
        path = written(tmp_path / f"b.{form[:4].strip(',')}", rf, form)
        path.write_bytes(path.read_bytes()[:400])
        with pytest.raises(RecordingError, match="is not a readable"):
            open_recording(path, overrides=STATED | {"frame_axis": 0 if form == "npy" else None})


def test_a_file_of_another_format_is_named_in_words_of_its_user(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"a text that somebody named so")
    with pytest.raises(RecordingError, match="MATLAB file: it is damaged, or in another format"):
        open_recording(tmp_path / "a.mat")


def test_samples_that_are_not_finite_hide_no_carrier_and_are_the_reason_where_none_is_left(
    tmp_path: Path,
) -> None:
    values = band_noise((3, 1024, 16)).astype(np.float32)
    values[:, 600:] = np.inf
    np.save(tmp_path / "a.npy", values)
    with open_recording(tmp_path / "a.npy", overrides=STATED | {"frame_axis": 0}) as recording:
        assert recording.acquisition.center_frequency > 1e6
    values[:, 100:] = np.nan
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(RecordingError, match="90% of the samples of a are not finite"):
        open_recording(tmp_path / "a.npy", overrides=STATED | {"frame_axis": 0})


def test_a_demodulation_frequency_in_mhz_is_asked_about(tmp_path: Path) -> None:
    iq = np.exp(1j * np.random.default_rng(0).normal(size=(2, 256, 16))).astype(np.complex64)
    np.savez(tmp_path / "a.npz", iq=iq, fdemod=5.0, fc=5e6)
    with pytest.raises(RecordingError, match="demodulation_frequency = 5 is not a value in Hz"):
        open_recording(tmp_path / "a.npz", overrides=STATED | {"frame_axis": 0})


@pytest.mark.parametrize("ending", ["mha", "npz", "npy", "nrrd", "mat", "h5", "tar", "rf", "mcap"])
def test_an_empty_file_is_named_as_such(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.{ending}").touch()
    with pytest.raises(RecordingError, match=rf"a\.{ending} is empty"):
        open_recording(tmp_path / f"a.{ending}")


def test_another_file_named_npz_is_refused_without_advice_to_unpickle(
    tmp_path: Path, rf: NDArray[np.int16]
) -> None:
    np.savez(tmp_path / "a.npz", rf=rf)
    for content in (b"MATLAB 5.0 MAT-file" + bytes(512), cut(tmp_path / "a.npz", 300).read_bytes()):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(RecordingError, match=r"it was cut, or it is another kind of file$"):
            open_recording(tmp_path / "a.npz", overrides=STATED)


@pytest.mark.parametrize("word", ["Linear Array", "linear_array", "linear probe", "LINEAR"])
def test_words_for_a_probe_type(word: str) -> None:
    assert checked_probe_type(word) == "linear"
    assert checked_probe_type(word.lower().replace("linear", "convex")) == "curved"
    with pytest.raises(RecordingError, match="no probe type"):
        checked_probe_type("array")
