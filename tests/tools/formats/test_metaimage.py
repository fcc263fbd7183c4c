"""Samples of MetaImage sequences as PlusServer and 3D Slicer write them."""

import zlib

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
