"""What a tape holds: MCAP, one protocol message per chunk, uncompressed, each chunk under its own CRC.

    topic               as on the wire, without the last slash: rf/SOURCE, strain/SOURCE, fused/SOURCE,
                        bmode/SOURCE, status/SOURCE; schema name as in the header ('musse.rf' ...)
    message             msgpack list of byte strings: the header as it was received, then the arrays in the
                        order that the header names them (RF: the samples)
    log_time            ns, unix time of arrival at the recorder
    publish_time        the same
    metadata            'musse-tape' at the start: format_version, created, versions; 'musse-node' wherever
                        the node that made the results changes: source, engine, weights hash, configuration.
                        The key 'crc32' guards a metadata record, which MCAP itself does not.

Frames of any geometry, session and source follow each other in one tape: every message carries its whole
header. A tape that was not closed ends without MCAP's footer; `tools.tape.reader` reads it all the same.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgpack

FORMAT_VERSION: Final = "1"
SUFFIX: Final = ".mcap"
PROFILE: Final = "musse"
ABOUT_TAPE: Final = "musse-tape"
ABOUT_NODE: Final = "musse-node"
CRC: Final = "crc32"
KINDS: Final = ("rf", "strain", "fused", "bmode", "status")


def pack(parts: Sequence[bytes | memoryview]) -> bytes:
    """The bytes of one tape message from the parts of a wire message without its topic."""
    packed: bytes = msgpack.packb([bytes(part) for part in parts])
    return packed


def unpack(data: bytes) -> list[bytes]:
    """The parts that `pack` was given. Raises ValueError for anything else."""
    parts: Any = msgpack.unpackb(data, raw=False, max_array_len=64, max_map_len=0, max_ext_len=0)
    if not isinstance(parts, list) or not parts or not all(isinstance(part, bytes) for part in parts):
        raise ValueError("a tape message is a list of byte strings")
    return parts


def with_crc(fields: Mapping[str, str]) -> dict[str, str]:
    """Metadata fields and the checksum over them."""
    return {**fields, CRC: _crc(fields)}


def without_crc(fields: Mapping[str, str]) -> dict[str, str]:
    """Metadata fields whose checksum holds. Raises ValueError where it does not."""
    checked = {name: text for name, text in fields.items() if name != CRC}
    if fields.get(CRC) != _crc(checked):
        raise ValueError("the checksum of a metadata record does not hold")
    return checked


def _crc(fields: Mapping[str, str]) -> str:
    return f"{zlib.crc32(msgpack.packb(sorted(fields.items()))):08x}"
