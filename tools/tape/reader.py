"""Messages of a tape in file order, whole, torn or damaged.

MCAP's default reader sorts by time first and finds no message in a torn file; its `StreamReader` ends at the
first damaged length. `tools.tape.records` goes on behind the damage.
"""

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Final

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Message, Metadata
from mcap.stream_reader import breakup_chunk
from mcap.writer import MCAP0_MAGIC

from streamer.errors import MessageRefused
from streamer.headers import ResultHeader, RfHeader
from streamer.wire import topic, unpack_header
from tools.errors import RecordingError
from tools.tape import layout
from tools.tape.records import SMALL, Damage, Record, chunk_of, read_record, records

# what a record of damaged bytes raises while it is taken apart
_DAMAGED: Final = (McapError, ValueError, struct.error, LookupError, OverflowError, MemoryError)


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
    """Messages that were written and are not whole, by the numbers of those around them."""
    unknown: int = 0
    """Whole messages of a newer protocol."""
    closed: bool = False
    """Whether the recorder ended the tape by itself."""
    unread: int = 0
    """Bytes at the end of the file that hold no whole message, where that is more than a torn one."""
    about: dict[str, dict[str, str]] = field(default_factory=dict)
    """Metadata by record name; of several with one name the last."""

    def note(self) -> str | None:
        """N of M and the reason in one phrase; None for a whole tape."""
        total = self.read + self.damaged
        if self.closed and not self.damaged and not self.unread:
            return None
        if self.unread:
            return f"{self.read} messages read, then the file is damaged: {self.unread} bytes are not read"
        if self.closed:
            return f"{self.read} of {total} messages read, the others are damaged"
        return f"{self.read} of {total} messages read, the recorder was interrupted"


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
        number = damaged = 0  # the next message's number; damaged places since the last whole message
        for record in records(self._file, self._size):
            if isinstance(record, Damage):
                damaged += 1
                if record.offset + record.length == self._size and not condition.closed:
                    damaged -= not record.torn_chunk
                    condition.unread = record.length if record.length > SMALL and not record.torn_chunk else 0
                continue
            if record.opcode == Opcode.METADATA:
                self._note(record)
            elif record.opcode == Opcode.DATA_END:
                condition.closed = True
            elif record.opcode == Opcode.CHUNK:
                try:
                    message = _only_message(record)
                except _DAMAGED:
                    damaged += 1
                    continue
                condition.damaged += max(message.sequence - number, 0) if damaged else 0
                number, damaged = message.sequence + 1, 0
                taped = self._decoded(message, record)
                if taped is not None and taped.kind in kinds:
                    yield taped
        condition.damaged += damaged

    def message(self, place: tuple[int, int]) -> TapeMessage:
        """The message at a place that `messages` gave. Raises RecordingError where it is damaged by now."""
        offset, length = place
        try:
            record = read_record(self._file, offset, self._size)
            if record is None or record.length != length:
                raise ValueError("no chunk")
            return _decode(_only_message(record), record)
        except (*_DAMAGED, MessageRefused, OSError) as error:
            raise RecordingError(f"{self.path}: damaged at byte {offset}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> "Tape":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _decoded(self, message: Message, record: Record) -> TapeMessage | None:
        """The message where its protocol is known; counts it."""
        try:
            taped = _decode(message, record)
        except MessageRefused:
            self.condition.unknown += 1
        except _DAMAGED:
            self.condition.damaged += 1
        else:
            self.condition.read += 1
            return taped
        return None

    def _note(self, record: Record) -> None:
        """Take a metadata record whose checksum holds."""
        try:
            metadata = Metadata.read(ReadDataStream(BytesIO(record.content)))
            self.condition.about[metadata.name] = layout.without_crc(metadata.metadata)
        except _DAMAGED:
            return


def _only_message(record: Record) -> Message:
    """The one message of a chunk. Raises one of `_DAMAGED`."""
    found = [each for each in breakup_chunk(chunk_of(record)) if isinstance(each, Message)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} messages in a chunk")
    return found[0]


def _decode(message: Message, record: Record) -> TapeMessage:
    """What is on the tape. Raises one of `_DAMAGED`, or MessageRefused."""
    header, *arrays = layout.unpack(message.data)
    place = (record.offset, record.length)
    return TapeMessage(message.log_time, unpack_header(header), header, tuple(arrays), place)
