"""Bytes of OpenIGTLink, held against pyigtl, which others wrote."""

import numpy as np
import pyigtl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyigtl.messages import CRC64

from tools.igtl.crc import crc64
from tools.igtl.wire import HEADER, NotOpenIgtLink, pack, pack_image, unpack_head, unpack_image

MATRIX = np.array([[-0.3, 0, 0, 19], [0, -0.15, 0, -1], [0, 0, 1, 0]], float)
IMAGE = np.arange(12, dtype=np.float32).reshape(4, 3)


@given(st.integers(0, 3000), st.integers(0, 2**32 - 1))
def test_the_check_sum_is_that_of_others(size: int, seed: int) -> None:
    data = np.random.default_rng(seed).bytes(size)
    assert crc64(data) == CRC64(data)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("dtype", ["<i2", "<f4", "|u1"])
def test_an_image_that_others_wrote_is_read(version: int, dtype: str) -> None:
    voxels = np.arange(24).reshape(1, 4, 6).astype(dtype)
    matrix = np.vstack([MATRIX, [0, 0, 0, 1]])
    message = pyigtl.ImageMessage(
        voxels, matrix, world_coordinate_system="ras", timestamp=1.7e9 + 0.25, device_name="Rf"
    )
    message.header_version = version
    message.metadata = {"FrameNumber": "7"} if version == 2 else {}
    raw = message.pack()
    head = unpack_head(raw[: HEADER.size])
    image = unpack_image(head, raw[HEADER.size :])
    assert (head.kind, head.device) == ("IMAGE", "Rf")
    assert abs(head.stamp_ns - 1_700_000_000_250_000_000) < 1000
    np.testing.assert_array_equal(image.voxels, voxels)
    np.testing.assert_allclose(image.matrix, MATRIX, atol=1e-5)


def test_big_endian_samples_are_read() -> None:
    body = bytearray(pack_image(IMAGE, MATRIX))
    body[4] = 1  # the mark of big-endian samples
    body[-IMAGE.nbytes :] = IMAGE.astype(">f4").tobytes()
    head = unpack_head(pack("IMAGE", "x", bytes(body), 0)[: HEADER.size])
    np.testing.assert_array_equal(unpack_image(head, bytes(body)).voxels[0], IMAGE)


def test_a_time_stamp_survives_to_a_nanosecond() -> None:
    stamp = 1_700_000_000_123_456_789
    raw = pack("IMAGE", "x", pack_image(IMAGE, MATRIX), stamp)
    assert abs(unpack_head(raw[: HEADER.size]).stamp_ns - stamp) <= 1


def test_a_damaged_image_is_refused() -> None:
    raw = bytearray(pack("IMAGE", "x", pack_image(IMAGE, MATRIX), 0))
    head = unpack_head(bytes(raw[: HEADER.size]))
    assert unpack_image(head, bytes(raw[HEADER.size :])).voxels.shape == (1, 4, 3)
    raw[-1] ^= 1
    with pytest.raises(NotOpenIgtLink, match="check sum"):
        unpack_image(head, bytes(raw[HEADER.size :]))


@pytest.mark.parametrize("body", [b"", b"short", pack_image(IMAGE, MATRIX)[:-1]])
def test_a_body_of_the_wrong_size_is_refused(body: bytes) -> None:
    head = unpack_head(pack("IMAGE", "x", body, 0)[: HEADER.size])
    with pytest.raises(NotOpenIgtLink):
        unpack_image(head, body)


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n".ljust(58), b"\xff" * 58])
def test_what_speaks_another_protocol_is_refused(raw: bytes) -> None:
    with pytest.raises(NotOpenIgtLink, match="no OpenIGTLink header"):
        unpack_head(raw)
