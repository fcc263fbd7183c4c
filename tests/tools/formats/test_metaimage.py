"""MetaImage as PLUS and SUPRA write it, and as broken recorders leave it."""

import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import MetaWriter, band_noise, envelope
from tools.errors import RecordingError
from tools.formats import open_recording


@pytest.mark.parametrize("name", ["a.mhd", "a.mha"])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f4", ">f4"])
def test_samples_come_back_exactly(
    write_mhd: MetaWriter, rf: NDArray[np.int16], name: str, dtype: str
) -> None:
    with open_recording(write_mhd(rf.astype(dtype), name=name)) as recording:
        assert recording.dtype == np.dtype(dtype).newbyteorder("=")
        assert recording.shape == (256, 32)
        for k, frame in enumerate(rf):
            assert np.array_equal(recording.frame(k), frame)
        assert not np.array_equal(recording.frame(0), rf[1])  # the control
        recording.frame(0)[:] = 0  # the caller's own
        assert np.array_equal(recording.frame(0), rf[0])


@pytest.mark.parametrize(
    ("dtype", "offset", "note"),
    [
        ("u1", 128, "uint8 in the file, int16 here, exact"),
        ("i1", 0, "int8 in the file, int16 here, exact"),
        ("<u2", 40000, "uint16 in the file, float32 here, exact"),
        ("<f8", 0, "float64 in the file, float32 here, rounded to 24 bits"),
    ],
)
def test_other_types_are_converted_and_noted(
    write_mhd: MetaWriter, rf: NDArray[np.int16], dtype: str, offset: int, note: str
) -> None:
    blocks = (rf.astype(np.int32) // 40 + offset).astype(dtype)
    with open_recording(write_mhd(blocks)) as recording:
        assert f"{recording.dtype} here" in note
        assert np.array_equal(recording.frame(2), blocks[2])
        assert f"samples: {note}" in recording.assumed


def test_compressed_data(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    packed = zlib.compress(rf.tobytes())
    path = write_mhd(
        rf, name="a.mha", data=packed, CompressedData="True", CompressedDataSize=f"{len(packed)}   "
    )
    with open_recording(path) as recording:
        assert np.array_equal(recording.frame(4), rf[4])
    path = write_mhd(rf, name="a.mha", data=packed[:-20], CompressedData="True")
    with open_recording(path) as recording:  # the stream ends within the last frame
        assert recording.n_frames == 4
        assert np.array_equal(recording.frame(3), rf[3])
    path = write_mhd(rf, name="a.mha", data=b"no zlib" + packed, CompressedData="True")
    with pytest.raises(RecordingError, match="damaged"):
        open_recording(path)
    bomb = zlib.compress(rf.tobytes() + bytes(10**7))
    with pytest.raises(RecordingError, match="more than"):
        open_recording(write_mhd(rf, name="a.mha", data=bomb, CompressedData="True"))


def test_a_foreign_header_before_the_samples(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    for size in ("-1", "100"):
        with open_recording(write_mhd(rf, data=bytes(100) + rf.tobytes(), HeaderSize=size)) as recording:
            assert np.array_equal(recording.frame(0), rf[0])


def test_frames_are_ordered_by_number_not_by_text(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    numbers = [9998, 9999, 10000, 10001, 10003]
    assert sorted(map(str, numbers)) != [str(n) for n in numbers]  # the control: text order is wrong here
    times = [f"{n}.5" for n in range(5)]
    with open_recording(write_mhd(rf, numbers=numbers, times=times)) as recording:
        assert recording.frame_index.tolist() == numbers
        assert recording.n_missing == 1
        assert (np.diff(recording.t_acq) == 10**9).all()
    # Lines in any order: the number decides.
    shuffled = write_mhd(rf, numbers=numbers[::-1], times=times[::-1])
    with open_recording(shuffled) as recording:
        assert recording.frame_index.tolist() == numbers
        assert recording.t_acq[0] == 500_000_000


def test_times_are_exact_nanoseconds(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    times = [
        "1602266657.885624886",
        "1602266657.92798900604",
        "1602266658",
        "1.602266658013499498e9",
        "1602266659.5",
    ]
    with open_recording(write_mhd(rf, times=times)) as recording:
        assert recording.t_acq.tolist() == [
            1602266657885624886,
            1602266657927989006,
            1602266658000000000,
            1602266658013499498,
            1602266659500000000,
        ]
        assert recording.acquisition.clock == "unix"
        assert int(float(times[0]) * 1e9) != int(
            Decimal(times[0]) * 10**9
        )  # the control: float64 is not enough
    with open_recording(write_mhd(rf)) as recording:
        assert recording.acquisition.clock == "device"  # seconds since the scanner's own start


def test_image_status_becomes_the_header_status(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    path = write_mhd(rf, tail="")
    path.write_text(
        path.read_text().replace("Seq_Frame0002_ImageStatus = OK", "Seq_Frame0002_ImageStatus = INVALID")
    )
    with open_recording(path) as recording:
        assert recording.status == ("OK", "OK", "INVALID", "OK", "OK")
        assert recording.header(2, source_id="a", session_id="b").status == "INVALID"


@pytest.mark.parametrize("code", ["MF", "UF", "MFA", "UFD", "FM", "FU", "MN", "NU", None])
def test_orientation_puts_the_probe_on_top(
    write_mhd: MetaWriter, rf: NDArray[np.int16], code: str | None
) -> None:
    blocks = rf
    if code and "N" in code:
        blocks = blocks[:, ::-1]
    if code and code[0] in "FN":
        blocks = blocks.swapaxes(1, 2)
    spacing = "0.02 0.3 1" if blocks.shape[1:] == (32, 256) else "0.3 0.02 1"
    path = write_mhd(np.ascontiguousarray(blocks), UltrasoundImageOrientation=code, ElementSpacing=spacing)
    with open_recording(path) as recording:
        assert np.array_equal(recording.frame(1), rf[1])
        assert recording.acquisition.line_pitch == pytest.approx(0.3e-3)
        assert recording.acquisition.sampling_frequency == pytest.approx(1540 / 2 / 0.02e-3)
        assert recording.acquisition.orientation[1:2] == ("F" if code else "")
        note = " ".join(recording.assumed)
        assert ("axes: the carrier lies along y" in note) == (code is None)
        assert ("turned round" in note) == ("N" in (code or ""))


def test_axes_the_wrong_way_round_are_found_out(write_mhd: MetaWriter) -> None:
    blocks = (band_noise((3, 128, 256), axis=-1) * 500).astype(
        np.int16
    )  # lines are rows, the header states MFA
    path = write_mhd(blocks)
    with pytest.raises(RecordingError, match="--axes"):
        open_recording(path)
    with open_recording(
        path,
        overrides={
            "axes": "lateral,axial",
            "sampling_frequency": 40e6,
            "line_pitch": 3e-4,
            "probe_type": "linear",
        },
    ) as recording:
        assert recording.shape == (256, 128)
        assert np.array_equal(recording.frame(0), blocks[0].T)


@pytest.mark.parametrize("size", ["32 256 1 5", "32 256 5"])
def test_plus_writes_a_fourth_dimension(write_mhd: MetaWriter, rf: NDArray[np.int16], size: str) -> None:
    with open_recording(write_mhd(rf, DimSize=size, NDims=str(len(size.split())))) as recording:
        assert recording.n_frames == 5


def test_a_single_frame_needs_no_sequence(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    for size in ("32 256", "32 256 1"):
        with open_recording(write_mhd(rf[:1], times=[], DimSize=size)) as recording:
            assert recording.n_frames == 1
            assert recording.frame_rate is None
            assert recording.duration == 0.0
            assert recording.t_acq.tolist() == [0]


@pytest.mark.parametrize("image_type", ["BRIGHTNESS", "RF_REAL", None])
def test_the_samples_decide_what_is_rf(write_mhd: MetaWriter, image_type: str | None) -> None:
    signal = band_noise((3, 512, 32))
    as_rf = write_mhd((signal * 500).astype(np.int16), name="rf.mhd", UltrasoundImageType=image_type)
    with open_recording(as_rf) as recording:
        assert recording.acquisition.center_frequency == pytest.approx(0.12 * 38.5e6, rel=0.03)
    bmode = np.clip(60 + 20 * np.log10(envelope(signal) + 1e-3), 0, 255).astype(np.uint8)
    for image in (bmode, (envelope(signal) * 500).astype(np.int16)):
        path = write_mhd(image, name="bmode.mhd", UltrasoundImageType=image_type)
        with pytest.raises(RecordingError, match="not RF"):
            open_recording(path)
        with pytest.raises(RecordingError, match="not RF"):  # no statement makes an image RF
            open_recording(path, overrides={"center_frequency": 5e6, "sampling_frequency": 40e6})
    with pytest.raises(RecordingError, match="zero"):
        open_recording(write_mhd(np.zeros((2, 256, 32), np.int16)))


@pytest.mark.parametrize(("spacing", "missing"), [("0.02 0.02 1", 2), ("1 1 1", 3), (None, 3)])
def test_meaningless_spacings_are_not_used(
    write_mhd: MetaWriter, rf: NDArray[np.int16], spacing: str | None, missing: int
) -> None:
    path = write_mhd(rf, ElementSpacing=spacing)
    with pytest.raises(RecordingError) as caught:
        open_recording(path)
    options = ["--probe-type", "--line-pitch", "--sampling-frequency"]
    assert [name in str(caught.value) for name in options] == [True, True, missing == 3]
    given = {"probe_type": "linear", "line_pitch": 0.3e-3, "sampling_frequency": 40e6}
    with open_recording(path, overrides=given) as recording:
        assert recording.acquisition.line_pitch == 0.3e-3


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


def test_headers_as_editors_and_other_programs_write_them(
    write_mhd: MetaWriter, rf: NDArray[np.int16]
) -> None:
    path = write_mhd(rf)
    text = path.read_text()
    for variant in (f"\ufeff{text}", f"\ufeff# recorded in room 3\n\n{text}", f"Comment = a\n{text}"):
        path.write_text(variant, encoding="utf-8")
        with open_recording(path) as recording:
            assert np.array_equal(recording.frame(1), rf[1])
    path.write_text(text, encoding="utf-16")
    with pytest.raises(RecordingError, match="UTF-16"):
        open_recording(path)


@pytest.mark.parametrize("word", ["T", "t", "True", "TRUE", "true", "1"])
def test_truth_values_as_metaio_reads_them(write_mhd: MetaWriter, rf: NDArray[np.int16], word: str) -> None:
    swapped = rf.astype(">i2")
    with open_recording(write_mhd(swapped, ElementByteOrderMSB=word)) as recording:
        assert np.array_equal(recording.frame(2), rf[2])
    for no in ("False", "F", "0", "no"):
        with open_recording(write_mhd(rf, ElementByteOrderMSB=no)) as recording:
            assert np.array_equal(recording.frame(2), rf[2])


def test_one_line_is_refused_in_a_sentence(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    for blocks in (rf[:, :, :1], rf[:, :1, :]):
        for orientation in (None, "MF", "FM"):
            with pytest.raises(RecordingError, match=r"sequence\.mhd"):
                open_recording(write_mhd(blocks, UltrasoundImageOrientation=orientation))


@pytest.mark.parametrize("layout", ["RF_IQ_LINE", "RF_I_LINE_Q_LINE", "two channels"])
def test_iq_as_plus_and_itk_store_it(write_mhd: MetaWriter, layout: str) -> None:
    lines = np.random.default_rng(1).integers(-900, 900, (3, 32, 256, 2)).astype(np.int16)  # frames, lines
    expected = (lines[..., 0] + 1j * lines[..., 1]).transpose(0, 2, 1)
    change = {"UltrasoundImageType": layout, "UltrasoundImageOrientation": "FM", "ElementSpacing": None}
    if layout == "RF_I_LINE_Q_LINE":
        blocks = lines.transpose(0, 1, 3, 2).reshape(3, 64, 256)
    else:
        blocks = lines.reshape(3, 32, 512)
    if layout == "two channels":
        change |= {"ElementNumberOfChannels": "2", "DimSize": "256 32 3", "UltrasoundImageType": None}
    given = {
        "demodulation_frequency": 5e6,
        "sampling_frequency": 10e6,
        "center_frequency": 5e6,
        "line_pitch": 0.3e-3,
        "probe_type": "linear",
    }
    with open_recording(write_mhd(blocks, **change), overrides=given) as recording:
        assert (recording.acquisition.kind, recording.shape, recording.n_frames) == ("iq", (256, 32), 3)
        assert recording.dtype == np.complex64
        for k in range(3):
            assert np.array_equal(recording.frame(k), expected[k])


def test_a_frame_rate_replaces_the_times(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    path = write_mhd(rf, times=["1", "3", "2", "x", "5"])
    with open_recording(path, overrides={"frame_rate": 40.0}) as recording:
        assert recording.frame_rate == pytest.approx(40.0)
        assert recording.t_acq.tolist() == [0, 25_000_000, 50_000_000, 75_000_000, 100_000_000]
        assert recording.acquisition.clock == "device"


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


def test_a_header_that_was_written_on_windows(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    path = write_mhd(rf)
    text = path.read_text().replace(
        "ElementDataFile = sequence.raw", r"ElementDataFile = D:\scans\sequence.raw"
    )
    path.write_bytes(text.replace("\n", "\r\n").encode())
    with open_recording(path) as recording:
        assert np.array_equal(recording.frame(1), rf[1])
