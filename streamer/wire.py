"""Messages on the wire: [topic, msgpack header, raw array, ...].

Topics end with a delimiter because ZeroMQ matches prefixes of bytes: `rf/a` would also match `rf/a2`.
Everything from outside is decoded within limits, without extension types, and checked against a schema; what
fails raises MessageRefused with a reason of the closed set in `streamer.reasons`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgpack
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from streamer.errors import MessageRefused
from streamer.headers import (
    PROTOCOL_VERSION,
    BmodeHeader,
    FusedHeader,
    ResultHeader,
    RfHeader,
    StatusHeader,
    StrainHeader,
)

MAX_HEADER_BYTES: Final = 32 * 1024  # a header has about 0.5 kB; 20 kB with every text at its longest
MAX_ITEMS: Final = 4096  # enough for every list of a header, far below what could fill the memory

_SCHEMAS: Final[Mapping[str, type[BaseModel]]] = {
    "musse.rf": RfHeader,
    "musse.strain": StrainHeader,
    "musse.fused": FusedHeader,
    "musse.bmode": BmodeHeader,
    "musse.status": StatusHeader,
}


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A decoded result: its header and the arrays that the header names."""

    header: ResultHeader
    arrays: Mapping[str, NDArray[Any]]


def topic(kind: str, source_id: str = "") -> bytes:
    """The topic of one kind of message; without a source, the prefix that matches every source."""
    return f"{kind}/{source_id}/".encode() if source_id else f"{kind}/".encode()


def pack_header(header: BaseModel) -> bytes:
    """The msgpack bytes of a header."""
    packed: bytes = msgpack.packb(header.model_dump(by_alias=True))
    return packed


def unpack_header(raw: bytes | memoryview) -> RfHeader | ResultHeader:
    """Decode and check one header.

    Raises MessageRefused: 'malformed' for bytes that are no header or fields that break the schema,
    'unknown_schema' for a schema or major version this release does not speak.
    """
    if len(raw) > MAX_HEADER_BYTES:
        raise MessageRefused("malformed", f"header of {len(raw)} bytes; at most {MAX_HEADER_BYTES}")
    try:
        fields = msgpack.unpackb(
            raw,
            raw=False,
            use_list=False,
            strict_map_key=True,
            ext_hook=_no_extension,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise MessageRefused("malformed", f"header is not plain msgpack: {error}") from error
    if not isinstance(fields, dict):
        raise MessageRefused("malformed", f"header is a {type(fields).__name__}, not a map")
    schema, version = fields.get("schema"), fields.get("version")
    if not isinstance(schema, str) or type(version) is not int:  # True == 1; a deep nest cannot be printed
        raise MessageRefused("unknown_schema", "schema must be a text and version an int")
    model = _SCHEMAS.get(schema)
    if model is None or version != PROTOCOL_VERSION:
        raise MessageRefused("unknown_schema", f"{schema[:40]!r} version {version}")
    try:
        return model.model_validate(fields)  # type: ignore[return-value]  # one of those above
    except ValidationError as error:
        raise MessageRefused("malformed", _first_mistakes(error)) from error


def encode(
    kind: str,
    header: RfHeader | ResultHeader,
    arrays: Sequence[NDArray[Any]] = (),
) -> list[bytes | memoryview]:
    """The parts of one message; arrays are sent in C order without a copy where they already are."""
    parts: list[bytes | memoryview] = [topic(kind, header.source_id), pack_header(header)]
    parts.extend(np.ascontiguousarray(array).data.cast("B") for array in arrays)
    return parts


def decode(parts: Sequence[bytes | memoryview]) -> Message:
    """A result message from its parts; the arrays are views of the parts, read-only.

    Raises MessageRefused: those of `unpack_header`, 'wrong_size' where an array is missing or has other
    bytes than the header states, 'unknown_schema' for an RF message.
    """
    if len(parts) < 2:
        raise MessageRefused("malformed", f"{len(parts)} parts; a message has topic, header and arrays")
    header = unpack_header(parts[1])
    if isinstance(header, RfHeader):
        raise MessageRefused("unknown_schema", "an RF frame among results: wrong address?")
    entries = () if isinstance(header, StatusHeader) else header.arrays
    payloads = parts[2:]
    if len(payloads) != len(entries):
        raise MessageRefused("wrong_size", f"{len(payloads)} array parts, header names {len(entries)}")
    arrays = {}
    for entry, payload in zip(entries, payloads, strict=True):
        dtype = np.dtype(entry.dtype)
        rows, cols = entry.shape
        if len(payload) != rows * cols * dtype.itemsize:
            raise MessageRefused(
                "wrong_size", f"{entry.name}: {len(payload)} bytes for {entry.shape} {dtype}"
            )
        arrays[entry.name] = np.frombuffer(payload, dtype).reshape(rows, cols)
    return Message(header, arrays)


def _no_extension(code: int, data: bytes) -> Any:
    raise ValueError(f"extension type {code} is not allowed")


def _first_mistakes(error: ValidationError) -> str:
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    named = [f"{'.'.join(map(str, m['loc'])) or 'header'}: {m['msg']}" for m in mistakes[:3]]
    more = f" (and {len(mistakes) - 3} more)" if len(mistakes) > 3 else ""
    return "; ".join(named) + more
