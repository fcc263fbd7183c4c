"""Decompressing .lzo files as the program lzop writes them: blocks of LZO1X behind a header of its own.

Layout from lzop's format description; all numbers are big-endian. LZO itself is the package lzallright (MIT).
"""

import importlib.util
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from tools.damage import naming_damage
from tools.errors import RecordingError

_MAGIC: Final = b"\x89LZO\x00\r\n\x1a\n"
_ADLER_OF_DATA, _ADLER_OF_PACKED = 0x1, 0x2
_EXTRA_FIELD = 0x40
_CRC_OF_DATA, _CRC_OF_PACKED = 0x100, 0x200
_FILTER = 0x800
_WITH_LEVEL: Final = 0x0940  # version that added the level and the high word of the time
_MAX_BLOCK: Final = 64 * 2**20  # bytes, lzop's own limit


def decompress(path: Path, packed: bytes) -> bytes:
    """The data in an .lzo file; what stands before the cut where the file ends early.

    Raises RecordingError for a file that is no .lzo, is damaged, or where the package is missing.
    """
    if importlib.util.find_spec("lzallright") is None:
        raise RecordingError(
            f"{path} is compressed with LZO: pip install 'musse-stream[import]', or run `lzop -d` on it"
        )
    if not packed.startswith(_MAGIC):
        raise RecordingError(f"{path} is not an .lzo file")
    blocks: list[bytes] = []
    with naming_damage(path, ".lzo file"), suppress(struct.error):  # the file may end between two numbers
        blocks.extend(_blocks(path, packed))
    return b"".join(blocks)


def _blocks(path: Path, packed: bytes) -> Iterator[bytes]:
    from lzallright import LZOCompressor

    flags, at = _header(packed)
    while size := struct.unpack_from(">L", packed, at)[0]:
        (packed_size,) = struct.unpack_from(">L", packed, at + 4)
        at += 8
        if size > _MAX_BLOCK or packed_size > size:
            raise RecordingError(f"{path} is damaged: a block of {size} bytes in {packed_size}")
        checks = []
        for flag, check in ((_ADLER_OF_DATA, zlib.adler32), (_CRC_OF_DATA, zlib.crc32)):
            if flags & flag:
                checks.append((check, struct.unpack_from(">L", packed, at)[0]))
                at += 4
        if packed_size < size:
            at += 4 * (bool(flags & _ADLER_OF_PACKED) + bool(flags & _CRC_OF_PACKED))
        content = packed[at : at + packed_size]
        if len(content) < packed_size:  # cut within a block
            return
        at += packed_size
        data = content if packed_size == size else LZOCompressor.decompress(content, size)
        if len(data) != size or any(check(data) != wanted for check, wanted in checks):
            raise RecordingError(f"{path} is damaged: a block does not match its checksum")
        yield data


def _header(packed: bytes) -> tuple[int, int]:
    """(flags, where the first block begins)."""
    at = len(_MAGIC)
    (version,) = struct.unpack_from(">H", packed, at)
    at += 2 + 2  # and the library's
    at += (2 + 1 + 1) if version >= _WITH_LEVEL else 1  # version needed, method, level
    (flags,) = struct.unpack_from(">L", packed, at)
    at += 4 + (4 if flags & _FILTER else 0)
    at += 4 + 4 + (4 if version >= _WITH_LEVEL else 0)  # mode, time
    at += 1 + packed[at] + 4  # name, checksum of the header
    if flags & _EXTRA_FIELD:
        at += 4 + struct.unpack_from(">L", packed, at)[0] + 4
    return flags, at
