"""The checks of an RF message, the same wherever one is received: [topic, header, samples]."""

import zlib
from collections.abc import Sequence

from streamer.errors import MessageRefused
from streamer.headers import RfHeader
from streamer.wire import topic, unpack_header


def read_rf_header(parts: Sequence[bytes | memoryview]) -> RfHeader:
    """The checked header of an RF message. Raises MessageRefused: 'malformed', 'unknown_schema'."""
    if len(parts) < 2:
        raise MessageRefused("malformed", "a topic without header and samples")
    header = unpack_header(parts[1])
    if not isinstance(header, RfHeader):
        raise MessageRefused("unknown_schema", f"{header.schema_name} on the RF link")
    name = bytes(parts[0])
    if name != topic("rf", header.source_id):
        raise MessageRefused("malformed", f"topic {name[:40]!r} of source_id {header.source_id!r}")
    return header


def read_rf_payload(parts: Sequence[bytes | memoryview], header: RfHeader) -> bytes | memoryview:
    """The bytes of the frame's samples. Raises MessageRefused: 'wrong_size', 'bad_checksum'."""
    if len(parts) != 3:
        raise MessageRefused(
            "wrong_size", f"frame {header.frame_index} has {len(parts) - 2} parts of samples; it needs one"
        )
    payload = parts[2]
    if len(payload) != header.nbytes:
        raise MessageRefused("wrong_size", f"{len(payload)} bytes for {header.shape} {header.dtype}")
    if header.payload_crc32 is not None and zlib.crc32(payload) != header.payload_crc32:
        raise MessageRefused("bad_checksum", f"frame {header.frame_index}")
    return payload
