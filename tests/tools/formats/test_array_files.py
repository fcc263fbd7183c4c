"""RF and IQ as people keep them: in structs and cells, as real numbers, beside all kinds of other things."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.signal import hilbert
from scipy.sparse import csc_matrix

from tests.tools.formats.rf_samples import band_noise
from tools.errors import RecordingError
from tools.formats import open_recording

CONSTANTS: dict[str, Any] = {"fs": 40e6, "fc": 4.8e6, "pitch": 0.3e-3, "probe_type": "linear", "c": 1500.0}
RATE: dict[str, Any] = {"frame_rate": 20.0}
TIMES: dict[str, Any] = {"t_acq": np.arange(5, dtype=np.int64) * 50_000_000}


def complex_iq() -> NDArray[np.complex64]:
    """3 frames of (200, 24), 5 MHz RF at 40 MHz mixed down by 4.8 MHz and thinned out to 10 MHz."""
    n = np.arange(800)[:, None]
    mixed = hilbert(band_noise((3, 800, 24), 0.125), axis=1) * np.exp(-2j * np.pi * 0.12 * n)
    return np.asarray(np.round(400 * mixed[:, ::4]), np.complex64)


IQ_CONSTANTS: dict[str, Any] = {"fs": 10e6, "fdemod": 4.8e6, "pitch": 0.3e-3, "probe_type": "linear", **RATE}


def interleaved(iq: NDArray[np.complex64], *, axis: int) -> NDArray[np.int16]:
    parts = np.stack([iq.real, iq.imag], axis=axis + 1)
    shape = list(iq.shape)
    shape[axis] *= 2
    return parts.reshape(shape).astype(np.int16)


REAL_IQ: dict[str, Any] = {
    "complex": lambda iq: {"iq": iq},
    "in turn": lambda iq: {"iq": interleaved(iq, axis=1)},
    "halves": lambda iq: {"IQ_data": np.concatenate([iq.real, iq.imag], axis=1).astype(np.int16)},
    "last axis": lambda iq: {"iq": np.stack([iq.real, iq.imag], axis=-1)},
    "second axis": lambda iq: {"iqData": np.stack([iq.real, iq.imag], axis=1).astype(np.int16)},
    "two arrays": lambda iq: {"I": iq.real.astype(np.float32), "Q": iq.imag.astype(np.float32)},
    "in a struct": lambda iq: {"acq": {"IData": iq.real, "QData": iq.imag, "note": "rest"}},
}


@pytest.mark.parametrize("form", REAL_IQ)
def test_iq_in_every_form_is_the_same_iq(tmp_path: Path, form: str) -> None:
    iq = complex_iq()
    path = tmp_path / "a.mat"
    savemat(path, REAL_IQ[form](iq) | IQ_CONSTANTS)
    with open_recording(path, overrides={"frame_axis": 0}) as recording:
        assert (recording.acquisition.kind, recording.shape, recording.n_frames) == ("iq", (200, 24), 3)
        assert recording.acquisition.demodulation_frequency == 4.8e6
        assert recording.acquisition.center_frequency == pytest.approx(5e6, rel=0.03)
        for k in range(3):
            assert np.array_equal(recording.frame(k), iq[k])
        assert any(note.startswith("samples:") for note in recording.assumed) == (form != "complex")


def test_real_samples_beside_a_demodulation_frequency_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, rf=interleaved(complex_iq(), axis=1), **IQ_CONSTANTS)
    with pytest.raises(RecordingError, match=r"4\.8 MHz is stated: give --demodulation-frequency 0"):
        open_recording(path, overrides={"frame_axis": 0})
    with open_recording(path, overrides={"frame_axis": 0, "demodulation_frequency": 4.8e6}) as recording:
        assert np.array_equal(recording.frame(1), complex_iq()[1])
    np.savez(path, rf=(band_noise((3, 400, 24)) * 500).astype(np.int16), **IQ_CONSTANTS | {"fs": 40e6})
    with open_recording(path, overrides={"frame_axis": 0, "demodulation_frequency": 0.0}) as recording:
        assert recording.acquisition.kind == "rf"


def test_noise_called_iq_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(3, 400, 24))
    np.savez(tmp_path / "a.npz", iq=noise, **IQ_CONSTANTS)
    with pytest.raises(RecordingError, match="save it as complex numbers"):
        open_recording(tmp_path / "a.npz", overrides={"frame_axis": 0})


NESTED: dict[str, Any] = {
    "struct": lambda rf: {"acq": {"rf": rf, **CONSTANTS, **TIMES}},
    "struct in struct": lambda rf: {"exam": {"no": 3, "acq": {"RfData": rf, **TIMES}, "param": CONSTANTS}},
    "cell of frames": lambda rf: {"rf": _cell(list(rf)), **CONSTANTS, **TIMES},
    "one cell": lambda rf: {"rf_data": _cell([rf]), **CONSTANTS, **TIMES},
    "struct array": lambda rf: {"frame": [{"rf": frame, "n": k} for k, frame in enumerate(rf)], **CONSTANTS,
                                **RATE},
    "only array": lambda rf: {"compression": rf, "table": np.eye(3), **CONSTANTS, **TIMES},
}  # fmt: skip


def _cell(elements: list[Any]) -> NDArray[Any]:
    cell = np.empty(len(elements), object)
    for k, element in enumerate(elements):
        cell[k] = element
    return cell


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
    savemat(tmp_path / "a.mat", {name: _cell([rf]), "Trans": {"frequency": 5.0}, **CONSTANTS})
    with pytest.raises(RecordingError, match=rf"channel data, {name} .*zea or ultraspy"):
        open_recording(tmp_path / "a.mat")


def test_no_finite_sample_and_no_signal_are_named(tmp_path: Path) -> None:
    for value, words in ((np.nan, "no finite sample"), (0.0, "zero")):
        np.savez(tmp_path / "a.npz", rf=np.full((4, 256, 16), value, np.float32), **CONSTANTS, **RATE)
        with pytest.raises(RecordingError, match=words):
            open_recording(tmp_path / "a.npz", overrides={"frame_axis": 0})


def test_verasonics_iq_in_wavelengths(tmp_path: Path) -> None:
    """Every length is in wavelengths of Trans.frequency (MHz); axes are depth, lines, planes, frames."""
    iq = complex_iq()
    wavelength = 1540 / 5e6
    workspace = {
        "IQData": _cell([np.moveaxis(iq, 0, -1)[:, :, None, :]]),
        "Trans": {"frequency": 5.0, "type": 0, "spacing": 0.9, "units": "wavelengths", "name": "L7-4"},
        "PData": {"PDelta": np.array([0.9, 0.0, 0.25]), "Origin": np.array([-10.0, 0.0, 5.0])},
        "Resource": {"Parameters": {"speedOfSound": 1540.0}},
        "Receive": [{"demodFrequency": 4.8}, {"demodFrequency": 4.8}],
        "frame_rate": 50.0,
    }
    savemat(tmp_path / "a.mat", workspace)
    with open_recording(tmp_path / "a.mat") as recording:
        constants = recording.acquisition
        assert (recording.n_frames, recording.shape, constants.kind) == (3, (200, 24), "iq")
        assert np.array_equal(recording.frame(2), iq[2])
        assert constants.line_pitch == pytest.approx(0.9 * wavelength)
        assert constants.sampling_frequency == pytest.approx(1540 / 2 / (0.25 * wavelength))
        assert constants.demodulation_frequency == 4.8e6
        assert constants.initial_time == pytest.approx(2 * 5 * wavelength / 1540)
        assert constants.probe_type == "linear"
        assert not any(
            note.startswith(("demodulation_frequency:", "sound_speed:")) for note in recording.assumed
        )
    del workspace["Receive"], workspace["Resource"]
    savemat(tmp_path / "a.mat", workspace)
    with open_recording(tmp_path / "a.mat") as recording:  # what is absent is assumed, and noted
        assert recording.acquisition.demodulation_frequency == 5e6
        assert any(note.startswith("demodulation_frequency: assumed") for note in recording.assumed)
        assert any(note.startswith("sound_speed: assumed") for note in recording.assumed)
    workspace["Trans"] = {"frequency": 3.0, "type": 1, "radiusMm": 50.0}
    savemat(tmp_path / "a.mat", workspace)
    with pytest.raises(RecordingError, match=r"PData\.Coord = 'polar'"):
        open_recording(tmp_path / "a.mat")


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


def matlab_73(path: Path, rf: NDArray[np.int16]) -> None:
    """What MATLAB's save(..., '-v7.3') writes: axes turned round, numbers as 1 x 1, text as UTF-16 codes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        acq = file.create_group("acq")
        acq.attrs["MATLAB_class"] = np.bytes_("struct")
        for name, value in ((n, v) for n, v in CONSTANTS.items() if not isinstance(v, str)):
            acq[name] = np.array([[value]])
            acq[name].attrs["MATLAB_class"] = np.bytes_("double")
        acq["probe_type"] = np.array([[ord(letter)] for letter in "linear"], np.uint16)
        acq["probe_type"].attrs["MATLAB_class"] = np.bytes_("char")
        acq["t_acq"] = TIMES["t_acq"][:, None]
        acq["t_acq"].attrs["MATLAB_class"] = np.bytes_("int64")
        frames = file.create_group("#refs#")
        references = []
        for k, frame in enumerate(rf):
            frames[f"f{k}"] = frame.T
            frames[f"f{k}"].attrs["MATLAB_class"] = np.bytes_("int16")
            references.append(frames[f"f{k}"].ref)
        cells = file.create_dataset("cells", (5, 1), h5py.ref_dtype)
        cells[:, 0] = references
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        acq["rf"] = np.moveaxis(rf, 0, -1).T  # (256, 32, 5) in MATLAB
        acq["rf"].attrs["MATLAB_class"] = np.bytes_("int16")
    raw = bytearray(path.read_bytes())
    raw[:19] = b"MATLAB 7.3 MAT-file"
    path.write_bytes(raw)


def test_matlab_73(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    path = tmp_path / "a.mat"
    matlab_73(path, rf)
    with open_recording(path) as recording:
        assert (recording.n_frames, recording.shape) == (5, (256, 32))
        assert recording.dtype == np.int16
        for k, frame in enumerate(rf):
            assert np.array_equal(recording.frame(k), frame)
        assert recording.acquisition.line_pitch == 0.3e-3
        assert recording.acquisition.probe_type == "linear"
    with open_recording(path, overrides={"variable": "acq.rf", "frame_axis": 2}) as recording:
        assert np.array_equal(recording.frame(1), rf[1])  # axes as MATLAB counts them
    with open_recording(path, overrides={"variable": "cells"}) as recording:
        assert np.array_equal(recording.frame(3), rf[3])


@pytest.mark.parametrize("language", ["julia", "r", "python"])
def test_hdf5_of_other_languages(tmp_path: Path, rf: NDArray[np.int16], language: str) -> None:
    """Julia and R turn the axes round; R writes every number and text as an array of one element."""
    one = (lambda value: np.array([value])) if language == "r" else (lambda value: value)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scan/rf"] = rf if language == "python" else rf.T
        for name, value in CONSTANTS.items():
            holder = file["scan"] if language == "python" else file
            number = one(value) if not isinstance(value, str) else ([value] if language == "r" else value)
            if language == "python":
                holder.attrs[name] = number
            else:
                holder[name] = number
        file["timestamps"] = np.arange(5) * 0.05
    with open_recording(tmp_path / "a.h5") as recording:
        assert (recording.n_frames, recording.shape) == (5, (256, 32))
        assert np.array_equal(recording.frame(2), rf[2])
        assert recording.acquisition.sampling_frequency == 40e6


def test_complex_iq_in_hdf5(tmp_path: Path) -> None:
    pair = np.dtype([("real", "<f4"), ("imag", "<f4")])
    iq = complex_iq()
    for stored in (iq, iq.view(np.float32).view(pair).reshape(iq.shape)):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["iq"] = stored
            file.attrs.update(IQ_CONSTANTS)
        with open_recording(tmp_path / "a.h5", overrides={"frame_axis": 0}) as recording:
            assert np.array_equal(recording.frame(1), iq[1])


def test_hdf5_with_circles_dead_links_and_strange_types(tmp_path: Path, rf: NDArray[np.int16]) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["rf"] = rf
        file.attrs.update(CONSTANTS)
        file["timestamps"] = np.arange(5) * 0.05
        file["loop"] = file["/"]
        file["nowhere"] = h5py.SoftLink("/not/there")
        file["elsewhere"] = h5py.ExternalLink("missing.h5", "/rf")
        file["empty"] = h5py.Empty("f4")
        file["flags"] = np.array([True, False])
        file["names"] = np.array(["a", "b"], dtype=h5py.string_dtype())
        file["record"] = np.zeros(3, [("x", "f4"), ("y", "i4")])
        file["reference"] = file["rf"].ref
        file.attrs["owner"] = h5py.Empty("f4")
    with open_recording(tmp_path / "a.h5") as recording:
        assert np.array_equal(recording.frame(3), rf[3])


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
