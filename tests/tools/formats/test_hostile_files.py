"""Recordings that somebody made to reach further than their folder, or to take more memory than they hold."""

import struct
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.fuzz.seeds import MHA, recordings
from tools.errors import RecordingError
from tools.formats import open_recording

NRRD = """NRRD0004
type: short
dimension: 3
sizes: 16 256 2
encoding: raw
endian: little
data file: {place}

"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside whose own files lie those of another."""
    np.zeros((2, 256, 16), "<i2").tofile(tmp_path / "outside.raw")
    inside = tmp_path / "inside"
    inside.mkdir()
    return inside


@pytest.mark.parametrize("place", ["../outside.raw", "{outside}", "a/../../outside.raw", "a\0.raw"])
@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
def test_samples_come_from_the_same_folder_only(folder: Path, ending: str, place: str) -> None:
    place = place.format(outside=folder.parent / "outside.raw")
    text = NRRD.format(place=place) if ending == "nhdr" else MHA.format(size=0)
    text = text.replace("CompressedData = True\nCompressedDataSize = 0\n", "").replace("LOCAL", place)
    path = folder / f"a.{ending}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordingError, match="into one folder"):
        open_recording(path)


@pytest.mark.parametrize("format_", ["own", "another program's"])
@pytest.mark.parametrize("how", ["link", "storage", "virtual"])
def test_an_hdf5_file_takes_its_samples_from_no_other(folder: Path, how: str, format_: str) -> None:
    (folder / "seed").mkdir()
    path = folder / "a.h5"
    path.write_bytes(recordings(folder / "seed")["h5"])
    with open_recording(path) as recording:  # the control
        shape = (recording.n_frames, *recording.shape)
    with h5py.File(path, "r+") as file:
        del file["rf"]
        if format_ != "own":
            del file.attrs["format"]
        if how == "link":
            file["rf"] = h5py.ExternalLink(str(folder / "seed" / "seed.h5"), "/rf")
        elif how == "storage":
            place = [(str(folder.parent / "outside.raw"), 0, h5py.h5f.UNLIMITED)]
            file.create_dataset("rf", shape, "<i2", external=place)
        else:
            layout = h5py.VirtualLayout(shape, "<i2")
            layout[:] = h5py.VirtualSource(str(folder / "seed" / "seed.h5"), "rf", shape)
            file.create_virtual_dataset("rf", layout)
    with pytest.raises(RecordingError, match="'rf' from another file" if format_ == "own" else "no RF"):
        open_recording(path)


def test_a_header_that_promises_more_than_any_computer_holds_is_refused(folder: Path) -> None:
    path = folder / "a.mha"
    path.write_text(MHA.format(size=3).replace("16 256 2", "16 256 9223372036854775807") + "abc", "utf-8")
    with pytest.raises(RecordingError):
        open_recording(path)


def test_a_name_of_gigabytes_in_a_matlab_file_takes_no_memory(folder: Path) -> None:
    path = folder / "a.mat"
    path.write_bytes(struct.pack("<5i", 0, 1, 1, 0, 2**30) + bytes(100))  # version 4
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match=r"a\.mat"):
            open_recording(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
