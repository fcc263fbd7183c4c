"""Arrays in MATLAB 7.3 files and in HDF5 of other languages."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.formats.array_constants import CONSTANTS, TIMES
from tools.formats import open_recording


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
