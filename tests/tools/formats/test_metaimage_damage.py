"""Broken, cut and foreign MetaImage files are named, with the remedy where there is one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import MetaWriter
from tools.errors import RecordingError
from tools.formats import open_recording

BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("no whole frame", {"data": bytes(256 * 32 * 2 - 100)}, r"holds 0\.99"),
    ("too long", {"data": bytes(6 * 256 * 32 * 2)}, "holds 6 frames"),
    ("wrong type", {"ElementType": "MET_FLOAT"}, r"holds 2\.5 frames.*ElementType"),
    ("unknown type", {"ElementType": "MET_STRING"}, "ElementType"),
    ("no type", {"ElementType": None}, "ElementType"),
    ("volume", {"DimSize": "32 16 16 5"}, "volumes"),
    ("volume by kind", {"Kinds": "domain domain domain"}, "volumes"),
    ("no number", {"DimSize": "32 x 5"}, "not a list of numbers"),
    ("infinite", {"DimSize": "32 inf 5"}, "not a list of numbers"),
    ("huge", {"DimSize": "1e30 256 5"}, "holds"),
    ("broken number", {"DimSize": "32 256.5 5"}, "DimSize"),
    ("negative", {"DimSize": "32 -256 -5"}, "DimSize"),
    ("byte orders", {"BinaryDataByteOrderMSB": "True"}, "contradict"),
    ("other byte order", {"BinaryDataByteOrderMSB": "T", "ElementByteOrderMSB": None}, "other byte order"),
    ("as text", {"BinaryData": "False"}, "BinaryData"),
    ("list", {"ElementDataFile": "LIST"}, "join the frames"),
    ("pattern", {"ElementDataFile": "frame%03d.raw 1 5 1"}, "join the frames"),
    ("missing data", {"ElementDataFile": "elsewhere.raw"}, "not there"),
    ("colour", {"ElementNumberOfChannels": "3"}, "holds colour"),
    ("iq lines", {"UltrasoundImageType": "RF_IQ_LINE"}, "--demodulation-frequency"),
    ("few tags", {"times": ["1", "2", "3"]}, "DimSize states 5 frames"),
    (
        "falling times",
        {"times": ["1", "3", "2", "4", "5"]},
        r"frame 2 comes 1 s before frame 1.*--frame-rate",
    ),
    ("equal times", {"times": ["1", "2", "2", "4", "5"]}, "do not rise"),
    ("no times", {"times": []}, "--frame-rate"),
    ("word as time", {"times": ["1", "2", "x", "4", "5"]}, "is no time"),
    ("time without end", {"times": ["1", "2", "1e999999", "4", "5"]}, "is no time"),
    ("infinite time", {"times": ["1", "2", "inf", "4", "5"]}, "is no time"),
]


@pytest.mark.parametrize(("change", "message"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_broken_files_are_named(
    write_mhd: MetaWriter, rf: NDArray[np.int16], change: dict[str, Any], message: str
) -> None:
    open_recording(write_mhd(rf)).close()  # the control: unchanged it opens
    with pytest.raises(RecordingError, match=message):
        open_recording(write_mhd(rf, **change))


def test_a_file_cut_within_a_frame_gives_the_whole_ones(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    """A recorder that was stopped; and the same file after its DimSize was corrected by hand."""
    cut = rf.tobytes()[: -rf[0].nbytes // 2]
    corrected = {"DimSize": "32 256 4"}
    for change in ({}, corrected, corrected | {"times": [str(k) for k in range(4)]}):
        for name in ("a.mhd", "a.mha"):
            with open_recording(write_mhd(rf, data=cut, name=name, **change)) as recording:
                assert recording.n_frames == recording.t_acq.size == len(recording.status) == 4
                assert np.array_equal(recording.frame(3), rf[3])
                noted = [note for note in recording.assumed if note.startswith("frames: 4 whole ones")]
                assert len(noted) == ("times" not in change)
    preallocated = write_mhd(rf, DimSize="32 256 3000")  # a recorder that reserves room and stops early
    with open_recording(preallocated) as recording:
        assert recording.n_frames == 5
        assert "frames: 5 whole ones in the file, its header describes 3000" in recording.assumed
    with open_recording(write_mhd(rf)) as recording:  # the control: nothing noted
        assert not any(note.startswith("frames:") for note in recording.assumed)


def test_one_line_is_refused_in_a_sentence(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    for blocks in (rf[:, :, :1], rf[:, :1, :]):
        for orientation in (None, "MF", "FM"):
            with pytest.raises(RecordingError, match=r"sequence\.mhd"):
                open_recording(write_mhd(blocks, UltrasoundImageOrientation=orientation))


def test_the_error_of_an_unfinished_header_names_the_remedy(
    write_mhd: MetaWriter, rf: NDArray[np.int16]
) -> None:
    path = write_mhd(rf)
    path.write_text(path.read_text().replace("ElementDataFile = sequence.raw\n", ""))
    with pytest.raises(RecordingError, match=r"ElementDataFile = sequence\.raw"):
        open_recording(path)
    path.write_text(path.read_text() + "ElementDataFile = sequence.raw\n")
    open_recording(path).close()


def test_other_files_are_not_metaimage(tmp_path: Path) -> None:
    for content in (
        b"\n",
        b"\x00" * 1000,
        b"# a text\n",
        b"key = value\n",
        b"\x89HDF\r\n\x1a\n" + bytes(500),
    ):
        (tmp_path / "a.mhd").write_bytes(content)
        with pytest.raises(RecordingError, match="not MetaImage"):
            open_recording(tmp_path / "a.mhd")
    with pytest.raises(RecordingError, match="not there"):
        open_recording(tmp_path / "b.mhd")
    with pytest.raises(RecordingError, match="not a file"):
        open_recording(tmp_path)
    (tmp_path / "a.avi").write_bytes(b"")
    with pytest.raises(RecordingError, match=r"no reader for '.avi'"):
        open_recording(tmp_path / "a.avi")


def test_a_file_that_shrinks_names_the_frame(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    path = write_mhd(rf)
    with open_recording(path) as recording:
        recording.frame(4)
        raw = path.with_suffix(".raw")
        with raw.open("r+b") as stream:
            stream.truncate(raw.stat().st_size // 2)
        recording.frame(0)
        with pytest.raises(RecordingError, match="ends within frame 4"):
            recording.frame(4)
