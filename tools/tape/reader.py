"""Messages of a tape in file order, whole or torn.

MCAP's default reader sorts by time first and finds no message in a torn file; `StreamReader` hands out one
record after the other until the file ends.
"""

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mcap.exceptions import McapError
from mcap.records import Chunk, DataEnd, Message, Metadata
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from streamer.errors import MessageRefused
from streamer.headers import ResultHeader, RfHeader
from streamer.wire import topic, unpack_header
from tools.errors import RecordingError
from tools.tape import layout

# what a record of damaged bytes raises while the library takes it apart
_DAMAGED: Final = (McapError, ValueError, struct.error, LookupError, OverflowError, MemoryError)
_CHUNK_OPCODE: Final = b"\x06"
_OTHER_RECORDS: Final = 64 * 1024  # bytes; metadata and footer are shorter, so more at the end is damage
_CHUNK_FIXED: Final = (
    1 + 8 + 8 + 8 + 8 + 4 + 4 + 8
)  # bytes of a chunk record without compression name and data


@dataclass(frozen=True, slots=True, eq=False)
class TapeMessage:
    """One message as it was received."""

    received: int
    """ns, unix time of arrival."""
    header: RfHeader | ResultHeader
    raw_header: bytes
    """The header's bytes on the wire, with fields of newer peers that `header` leaves out."""
    arrays: tuple[bytes, ...]
    """Payloads in the order of the header; RF: the samples."""
    place: tuple[int, int]
    """Where its chunk lies in the file: offset and length of the record in bytes, for `Tape.message`."""

    @property
    def kind(self) -> str:
        """rf, strain, fused, bmode or status."""
        return self.header.schema_name.removeprefix("musse.")

    def parts(self) -> list[bytes]:
        """The message as it was on the wire: topic, header, arrays."""
        return [topic(self.kind, self.header.source_id), self.raw_header, *self.arrays]


@dataclass(slots=True)
class Condition:
    """How much of a tape could be read, complete after a whole iteration."""

    read: int = 0
    """Messages that are whole."""
    damaged: int = 0
    """Messages of which something is in the file but not all of it, or whose checksum does not hold."""
    unknown: int = 0
    """Whole messages of a newer protocol."""
    closed: bool = False
    """Whether the recorder ended the tape by itself."""
    unread: int = 0
    """Bytes after a place where the structure of the file is lost."""
    about: dict[str, dict[str, str]] = field(default_factory=dict)
    """Metadata by record name; of several with one name the last."""

    def note(self) -> str | None:
        """N of M and the reason in one phrase; None for a whole tape."""
        total = self.read + self.damaged
        if self.closed and not self.damaged and not self.unread:
            return None
        if self.unread:
            return f"{self.read} messages read, then the file is damaged: {self.unread} bytes are not read"
        ended = "" if self.closed else ", the recorder was interrupted"
        return f"{self.read} of {total} messages read{ended}"


class Tape:
    """A tape opened for reading. One thread; close it.

    Raises RecordingError where the file is not there or no MCAP of this project.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.condition = Condition()
        """Of the last iteration over `messages`."""
        try:
            self._file = path.open("rb")
            self._size = path.stat().st_size
            magic = self._file.read(len(MCAP0_MAGIC))
        except OSError as error:
            raise RecordingError(f"cannot read {path}: {error.strerror}") from error
        if magic != MCAP0_MAGIC[: len(magic)]:
            self._file.close()
            raise RecordingError(f"{path} is no tape: it does not begin as an MCAP file does")

    def messages(self, kinds: Collection[str] = layout.KINDS) -> Iterator[TapeMessage]:
        """Every whole message of these kinds in the order of the file; others count in `condition` alone.

        What is damaged is left out and counted, never guessed.
        """
        condition = self.condition = Condition()
        self._file.seek(0)
        reader = StreamReader(self._file, emit_chunks=True, record_size_limit=self._size)
        records = iter(reader.records)
        while True:
            start = self._file.tell()
            try:
                record = next(records)
            except StopIteration:
                return
            except _DAMAGED:
                self._judge_end(start)
                return
            if isinstance(record, Metadata):
                try:
                    condition.about[record.name] = layout.without_crc(record.metadata)
                except ValueError:
                    continue
            elif isinstance(record, DataEnd):
                condition.closed = True
            elif isinstance(record, Chunk):
                length = _CHUNK_FIXED + len(record.compression.encode()) + len(record.data)
                start = self._file.tell() - length  # the first record read has the file's magic before it
                try:
                    message = _message(record, (start, length))
                except MessageRefused:
                    condition.unknown += 1
                except _DAMAGED:
                    condition.damaged += 1
                else:
                    condition.read += 1
                    if message.kind in kinds:
                        yield message
                    self._file.seek(start + length)  # the caller may have read another message meanwhile

    def message(self, place: tuple[int, int]) -> TapeMessage:
        """The message at a place that `messages` gave. Raises RecordingError where it is damaged by now."""
        offset, length = place
        self._file.seek(offset)
        try:
            reader = StreamReader(self._file, skip_magic=True, emit_chunks=True, record_size_limit=length)
            chunk = next(iter(reader.records))
            if not isinstance(chunk, Chunk):
                raise ValueError("no chunk")
            return _message(chunk, place)
        except (*_DAMAGED, MessageRefused, OSError, StopIteration) as error:
            raise RecordingError(f"{self.path}: damaged at byte {offset}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> "Tape":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _judge_end(self, start: int) -> None:
        """Distinguish a tape that ends within the record at `start` from one that is damaged there."""
        self._file.seek(start)
        begun = self._file.read(_CHUNK_FIXED)
        if len(begun) < _CHUNK_FIXED:  # too short to have a type
            self.condition.damaged += begun[:1] == _CHUNK_OPCODE
            return
        opcode, length, _, _, size = struct.unpack("<cQQQQ", begun[:33])
        left = self._size - start - _CHUNK_FIXED
        if opcode == _CHUNK_OPCODE and length == _CHUNK_FIXED - 9 + size and size > left:
            self.condition.damaged += 1
        elif opcode == _CHUNK_OPCODE or left > _OTHER_RECORDS:
            self.condition.unread += self._size - start


def _message(chunk: Chunk, place: tuple[int, int]) -> TapeMessage:
    """The one message of a chunk. Raises one of `_DAMAGED`, or MessageRefused."""
    if chunk.compression or len(chunk.data) != chunk.uncompressed_size:
        raise ValueError("a chunk of another length or with compression")
    if zlib.crc32(chunk.data) != chunk.uncompressed_crc:  # the library takes a checksum of 0 for none
        raise ValueError("the checksum of a chunk does not hold")
    found = [record for record in breakup_chunk(chunk) if isinstance(record, Message)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} messages in a chunk")
    header, *arrays = layout.unpack(found[0].data)
    return TapeMessage(found[0].log_time, unpack_header(header), header, tuple(arrays), place)
