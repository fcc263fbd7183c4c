"""OpenIGTLink messages as bytes: header of 58 bytes, IMAGE and STATUS bodies. Numbers are big-endian.

Written by http://openigtlink.org/developers/spec: messages go out with header version 1, which every receiver
reads; version 2 (protocol 3, with an extended header and metadata) is read as well.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import ToolError
from tools.igtl.crc import crc64

HEADER: Final = struct.Struct(">H12s20sIIQQ")
MAX_BODY: Final = 64 * 2**20  # bytes; an RF frame has a few MB at most
_IMAGE: Final = struct.Struct(">HBBBB3H12f6H")
_EXTENDED: Final = struct.Struct(">HHII")
_STATUS: Final = struct.Struct(">Hq20s")
_RAS: Final = 1
_SCALARS: Final = {
    2: "i1", 3: "u1", 4: "i2", 5: "u2", 6: "i4", 7: "u4", 10: "f4", 11: "f8",
}  # fmt: skip
_SCALAR_OF: Final = {np.dtype(name): code for code, name in _SCALARS.items()}
_BIG: Final = 1


class NotOpenIgtLink(ToolError):
    """The bytes are no OpenIGTLink message, or one that is damaged."""


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a message."""

    version: int
    kind: str
    """Type, such as IMAGE."""
    device: str
    """Name of what sends it."""
    stamp_ns: int
    """ns; 0: the sender gave no time."""
    size: int
    """Bytes of the body."""
    crc: int


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """The content of an IMAGE message."""

    voxels: NDArray[Any]
    """(k, j, i), or (k, j, i, components)."""
    matrix: NDArray[np.float64]
    """(3, 4): from index i, j, k, 1 to mm, as the message's own coordinate system has it."""


def pack(kind: str, device: str, body: bytes, stamp_ns: int) -> bytes:
    """A whole message of header version 1. `stamp_ns` below 0 counts as no time."""
    seconds, rest = divmod(max(0, stamp_ns), 10**9)
    fraction = (rest << 32) // 10**9
    return HEADER.pack(1, kind.encode(), device.encode(), seconds, fraction, len(body), crc64(body)) + body


def pack_image(image: NDArray[Any], matrix: NDArray[np.float64]) -> bytes:
    """Body of an IMAGE of one slice: `image` (j, i), `matrix` (3, 4) from index to mm, RAS."""
    rows, columns = image.shape
    centre = matrix @ np.array([(columns - 1) / 2, (rows - 1) / 2, 0.0, 1.0])  # the format's reference point
    samples = np.ascontiguousarray(image)
    head = _IMAGE.pack(
        1, 1, _SCALAR_OF[samples.dtype], 2, _RAS, columns, rows, 1,
        *matrix[:, 0], *matrix[:, 1], *matrix[:, 2], *centre, 0, 0, 0, columns, rows, 1,
    )  # fmt: skip
    return head + samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def pack_status(code: int, name: str, text: str) -> bytes:
    """Body of a STATUS: its code, a name of at most 20 letters, and text for people."""
    return _STATUS.pack(code, 0, name.encode()[:20]) + text.encode("ascii", "replace") + b"\0"


def unpack_head(raw: bytes | memoryview) -> Head:
    """The header in 58 bytes. Raises NotOpenIgtLink where they cannot be one."""
    version, kind, device, seconds, fraction, size, crc = HEADER.unpack(raw)
    try:
        words = kind.rstrip(b"\0 ").decode("ascii"), device.split(b"\0")[0].decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise NotOpenIgtLink("what came is no OpenIGTLink header") from error
    if version not in (1, 2) or not words[0].isprintable() or size > MAX_BODY:
        raise NotOpenIgtLink(f"what came is no OpenIGTLink header (version {version}, {size} bytes)")
    stamp = seconds * 10**9 + ((fraction * 10**9 + 2**31) >> 32)
    return Head(version, *words, stamp, size, crc)


def unpack_image(head: Head, body: bytes | memoryview) -> Image:
    """The content of an IMAGE; voxels are a view. Raises NotOpenIgtLink where body and header disagree."""
    if crc64(body) != head.crc:
        raise NotOpenIgtLink(f"the check sum of an image of {head.device!r} is wrong")
    content = memoryview(body)
    try:
        if head.version == 2:
            extended, metadata_head, metadata, _ = _EXTENDED.unpack_from(content)
            content = content[extended : len(content) - metadata_head - metadata]
        _, components, scalar, endian, _, *rest = _IMAGE.unpack_from(content)
    except struct.error as error:
        raise NotOpenIgtLink(f"an image of {head.device!r} is too short") from error
    size, axes, part = rest[:3], np.array(rest[3:15]).reshape(4, 3).T, rest[15:]
    if scalar not in _SCALARS:
        raise NotOpenIgtLink(f"an image of {head.device!r} has the unknown sample type {scalar}")
    if list(part) != [0, 0, 0, *size]:
        raise NotOpenIgtLink(f"an image of {head.device!r} is a part of a larger one")
    dtype = np.dtype(_SCALARS[scalar]).newbyteorder(">" if endian == _BIG else "<")
    shape = (size[2], size[1], size[0], components)
    voxels = content[_IMAGE.size :]
    if len(voxels) != math.prod(shape) * dtype.itemsize or not len(voxels):
        raise NotOpenIgtLink(f"an image of {head.device!r} has {len(voxels)} bytes for {shape} {dtype}")
    array = np.frombuffer(voxels, dtype).reshape(shape)
    matrix = axes.astype(np.float64)
    matrix[:, 3] -= matrix[:, :3] @ ((np.array(size) - 1) / 2)
    return Image(array[..., 0] if components == 1 else array, matrix)
