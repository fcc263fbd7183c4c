"""The records of an MCAP file one after the other, damaged or not.

A reader that follows the lengths loses everything behind a damaged one. This one goes on at the next chunk
whose lengths agree and whose checksum holds.
"""

import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from mcap.opcode import Opcode
from mcap.records import Chunk
from mcap.writer import MCAP0_MAGIC

HEAD: Final = 9  # bytes of opcode and length
CHUNK_FIXED: Final = HEAD + 8 + 8 + 8 + 4 + 4 + 8  # of a chunk record without compression
SMALL: Final = 64 * 1024  # bytes; every record but a chunk is shorter
_LENGTHS: Final = struct.Struct("<BQQQQIIQ")
_DATA_END: Final = struct.pack("<BQ", Opcode.DATA_END, 4)
_CHUNK_HEAD: Final = re.compile(rb"(?=\x06.{5}\x00{3})", re.DOTALL)  # the length has 3 zero bytes at its end


@dataclass(frozen=True, slots=True)
class Record:
    """One whole record."""

    offset: int
    length: int
    """Bytes, with opcode and length."""
    opcode: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no whole record."""

    offset: int
    length: int
    torn_chunk: bool
    """Whether they are the beginning of a chunk that the file ends in."""


def records(file: BinaryIO, size: int) -> Iterator[Record | Damage]:
    """Everything in a file of `size` bytes, from its magic to its footer. The file's position may change."""
    offset = len(MCAP0_MAGIC)
    while offset < size:
        record = read_record(file, offset, size)
        if record is not None:
            yield record
            if record.opcode == Opcode.FOOTER:
                return
            offset += record.length
            continue
        found = _next_whole(file, offset + 1, size)
        end = size if found is None else found
        yield Damage(offset, end - offset, found is None and _is_torn_chunk(file, offset, size))
        offset = end


def read_record(file: BinaryIO, offset: int, size: int) -> Record | None:
    """The record at this place; None where none can be there. The checksum of a chunk is not looked at."""
    file.seek(offset)
    head = file.read(CHUNK_FIXED)
    if len(head) < HEAD:
        return None
    opcode, length = struct.unpack_from("<BQ", head)
    if not 0 < opcode <= Opcode.DATA_END or offset + HEAD + length > size:
        return None
    if opcode == Opcode.CHUNK:
        if _chunk_length(head) != HEAD + length:
            return None
    elif length > SMALL:
        return None
    file.seek(offset + HEAD)
    return Record(offset, HEAD + length, opcode, file.read(length))


def chunk_of(record: Record) -> Chunk:
    """The chunk in a record. Raises ValueError where it is none, or its checksum does not hold."""
    if record.opcode != Opcode.CHUNK:
        raise ValueError("no chunk")
    start, end, size, crc, _, _ = struct.unpack_from("<QQQIIQ", record.content)
    data = record.content[CHUNK_FIXED - HEAD :]
    if zlib.crc32(data) != crc:  # the library takes a checksum of 0 for none
        raise ValueError("the checksum of a chunk does not hold")
    return Chunk("", data, message_end_time=end, message_start_time=start, uncompressed_crc=crc,
                 uncompressed_size=size)  # fmt: skip


def _chunk_length(head: bytes) -> int | None:
    """Bytes of the chunk record that begins so, where its three lengths agree."""
    if len(head) < CHUNK_FIXED:
        return None
    opcode, length, _, _, size, _, compression, stored = _LENGTHS.unpack_from(head)
    agree = opcode == Opcode.CHUNK and compression == 0 and stored == size == length - (CHUNK_FIXED - HEAD)
    return HEAD + length if agree else None


def _is_torn_chunk(file: BinaryIO, offset: int, size: int) -> bool:
    file.seek(offset)
    head = file.read(CHUNK_FIXED)
    if len(head) < CHUNK_FIXED:
        return head[:1] == bytes([Opcode.CHUNK])
    length = _chunk_length(head)
    return length is not None and offset + length > size


def _next_whole(file: BinaryIO, start: int, size: int) -> int | None:
    """Where the next whole chunk begins, or behind the last one the end of the data; None without both."""
    with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
        for match in _CHUNK_HEAD.finditer(content, start):
            at = match.start()
            length = _chunk_length(content[at : at + CHUNK_FIXED])
            if length is None or at + length > size:
                continue
            crc = struct.unpack_from("<I", content, at + HEAD + 24)[0]
            if zlib.crc32(memoryview(content)[at + CHUNK_FIXED : at + length]) == crc:
                return at
        end = content.rfind(_DATA_END, start)
    return None if end < 0 else end
