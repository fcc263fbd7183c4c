"""RF as people keep it: in structs and cells, beside all kinds of other things."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.sparse import csc_matrix

from tests.tools.formats.array_constants import CONSTANTS, RATE, TIMES, cell
from tools.errors import RecordingError
from tools.formats import open_recording

NESTED: dict[str, Any] = {
    "struct": lambda rf: {"acq": {"rf": rf, **CONSTANTS, **TIMES}},
    "struct in struct": lambda rf: {"exam": {"no": 3, "acq": {"RfData": rf, **TIMES}, "param": CONSTANTS}},
    "cell of frames": lambda rf: {"rf": cell(list(rf)), **CONSTANTS, **TIMES},
    "one cell": lambda rf: {"rf_data": cell([rf]), **CONSTANTS, **TIMES},
    "struct array": lambda rf: {"frame": [{"rf": frame, "n": k} for k, frame in enumerate(rf)], **CONSTANTS,
                                **RATE},
    "only array": lambda rf: {"compression": rf, "table": np.eye(3), **CONSTANTS, **TIMES},
}  # fmt: skip


@pytest.mark.parametrize("form", NESTED)
def test_rf_within_structs_and_cells(tmp_path: Path, rf: NDArray[np.int16], form: str) -> None:
    path = tmp_path / "a.mat"
    savemat(path, NESTED[form](rf), long_field_names=True)
    with open_recording(path) as recording:
        assert (recording.n_frames, recording.shape) == (5, (256, 32))
        assert np.array_equal(recording.frame(3), rf[3])
        assert recording.acquisition.sampling_frequency == 40e6
        assert recording.acquisition.sound_speed == 1500.0


def test_an_array_is_named_by_its_path(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.mat"
    two = {"left": {"rf": rf, **CONSTANTS}, "right": {"rf": rf[::-1], **CONSTANTS, "fs": 20e6}, **RATE}
    savemat(path, two)
    with pytest.raises(RecordingError, match=r"left\.rf \(5, 256, 32\), right\.rf .*--variable"):
        open_recording(path)
    given = {"variable": "right.rf", "frame_axis": 0}
    with open_recording(path, overrides=given) as recording:  # its own struct contains the sampling
        assert recording.acquisition.sampling_frequency == 20e6
        assert np.array_equal(recording.frame(0), rf[4])
        assert any("left states 40000000" in note for note in recording.assumed)


def test_structs_that_contradict_are_named(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"rf": rf, "tx": CONSTANTS, "rx": {"fs": 20e6}, **TIMES})
    with pytest.raises(RecordingError, match=r"in tx and .* in rx contradict; give --sampling-frequency"):
        open_recording(path)
    savemat(path, {"rf": rf, "tx": CONSTANTS, "rx": {"fs": np.float32(40e6)}, **TIMES})
    open_recording(path).close()  # the control


def test_equal_numbers_do_not_contradict(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    same: dict[str, Any] = {
        "sampling_frequency": 40_000_000,
        "line_pitch": np.float32(0.3e-3),
        "sampling_rate": np.array([40e6]),
    }
    np.savez(tmp_path / "a.npz", rf=rf, **CONSTANTS, **same, **TIMES)
    with open_recording(tmp_path / "a.npz") as recording:
        assert recording.acquisition.sampling_frequency == 40e6
    np.savez(tmp_path / "a.npz", rf=rf, **CONSTANTS, **same | {"sampling_rate": 40.1e6}, **TIMES)
    with pytest.raises(RecordingError, match="contradict"):
        open_recording(tmp_path / "a.npz")


def test_python_objects_are_left_alone(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    params = np.array({"gain": 3}, dtype=object)
    np.savez_compressed(tmp_path / "a.npz", rf=rf, params=params, **CONSTANTS, **TIMES)
    with open_recording(tmp_path / "a.npz") as recording:
        assert np.array_equal(recording.frame(2), rf[2])
        assert "params: Python objects, left alone" in recording.assumed


def test_one_array_in_npy(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    np.save(tmp_path / "scan 3.npy", rf)
    given = {"sampling_frequency": 40e6, "line_pitch": 0.3e-3, "probe_type": "linear", **RATE}
    with open_recording(tmp_path / "scan 3.npy", overrides=given | {"frame_axis": 0}) as recording:
        assert np.array_equal(recording.frame(4), rf[4])
    np.save(tmp_path / "object.npy", np.array({"a": 1}, dtype=object))
    with pytest.raises(RecordingError, match="npy"):
        open_recording(tmp_path / "object.npy", overrides=given)


@pytest.mark.parametrize("name", ["RcvData", "channel_data", "raw_data"])
def test_channel_data_are_named_with_the_remedy(tmp_path: Path, rf: NDArray[np.int16], name: str) -> None:
    savemat(tmp_path / "a.mat", {name: cell([rf]), "Trans": {"frequency": 5.0}, **CONSTANTS})
    with pytest.raises(RecordingError, match=rf"channel data, {name} .*zea or ultraspy"):
        open_recording(tmp_path / "a.mat")


def test_no_finite_sample_and_no_signal_are_named(tmp_path: Path) -> None:
    for value, words in ((np.nan, "no finite sample"), (0.0, "zero")):
        np.savez(tmp_path / "a.npz", rf=np.full((4, 256, 16), value, np.float32), **CONSTANTS, **RATE)
        with pytest.raises(RecordingError, match=words):
            open_recording(tmp_path / "a.npz", overrides={"frame_axis": 0})


def test_field_ii_scripts(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    names = {
        "rf_data": rf[0].astype(float),
        "fs": 40e6,
        "f0": 4.8e6,
        "c": 1540,
        "tstart": 3e-6,
        "d_x": 0.3e-3,
    }
    savemat(tmp_path / "a.mat", names)
    with open_recording(tmp_path / "a.mat", overrides={"probe_type": "linear"}) as recording:
        assert recording.acquisition.initial_time == 3e-6
        assert recording.acquisition.line_pitch == 0.3e-3
        assert recording.acquisition.center_frequency == 4.8e6


def test_sparse_matrices_are_no_samples(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    savemat(tmp_path / "a.mat", {"scan": rf, "weights": csc_matrix(np.eye(40)), **CONSTANTS, **TIMES})
    with open_recording(tmp_path / "a.mat") as recording:
        assert np.array_equal(recording.frame(3), rf[3])


def test_many_notes_fit_into_a_header(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    others = {f"probe{k}": {"c": 1400.0 + k} for k in range(40)}
    savemat(tmp_path / "a.mat", {"acq": {"rf": rf, **CONSTANTS, **TIMES}, **others})
    with open_recording(tmp_path / "a.mat") as recording:
        assert len(recording.assumed) == 24
        assert recording.assumed[-1].startswith("and ")
        recording.header(0, source_id="a", session_id="b")
    strange: dict[str, Any] = {"bell\x07": np.array({}, dtype=object)}
    np.savez(tmp_path / "b.npz", **strange, rf=rf, **CONSTANTS, **TIMES)
    with open_recording(tmp_path / "b.npz") as recording:
        assert "bell?: Python objects, left alone" in recording.assumed


@pytest.mark.parametrize(
    "rf", [np.zeros((0, 256, 32)), np.array("text"), np.ones((5, 256, 32), bool), np.array(3)]
)
def test_a_file_without_any_samples_is_named(tmp_path: Path, rf: NDArray[Any]) -> None:
    np.savez(tmp_path / "a.npz", rf=rf, **CONSTANTS, **RATE)
    with pytest.raises(RecordingError, match=r"a\.npz holds no array of numbers"):
        open_recording(tmp_path / "a.npz")
