"""Fields of a MetaImage header: times, status, orientation, axes and spacings."""

from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.formats.rf_samples import MetaWriter, band_noise
from tools.errors import RecordingError
from tools.formats import open_recording


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


def test_a_frame_rate_replaces_the_times(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    path = write_mhd(rf, times=["1", "3", "2", "x", "5"])
    with open_recording(path, overrides={"frame_rate": 40.0}) as recording:
        assert recording.frame_rate == pytest.approx(40.0)
        assert recording.t_acq.tolist() == [0, 25_000_000, 50_000_000, 75_000_000, 100_000_000]
        assert recording.acquisition.clock == "device"


def test_a_header_that_was_written_on_windows(write_mhd: MetaWriter, rf: NDArray[np.int16]) -> None:
    path = write_mhd(rf)
    text = path.read_text().replace(
        "ElementDataFile = sequence.raw", r"ElementDataFile = D:\scans\sequence.raw"
    )
    path.write_bytes(text.replace("\n", "\r\n").encode())
    with open_recording(path) as recording:
        assert np.array_equal(recording.frame(1), rf[1])
