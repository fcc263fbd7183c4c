"""Writes what a live link carries to a file: strain results of a node, or RF frames of a scanner bridge.

Unlike a display it wants every message, so it queues deeply and counts what the numbering says it missed.
"""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray

from streamer.errors import ConfigError, MessageRefused
from streamer.frame import view_samples
from streamer.headers import RfHeader, StrainHeader
from streamer.stopping import Stop
from streamer.wire import decode, topic, unpack_header
from tools.errors import NothingReceived
from tools.formats import Acquisition, write_recording
from tools.results import ResultWriter

HIGH_WATER_MARK = 256  # messages: a slow disk may pause for a second
POLL_MS = 50
MAPS = ("axial_strain", "strain_std")


@dataclass
class RecordSummary:
    """What was written."""

    written: int = 0
    missed: int = 0
    """Messages that the numbering says were lost between the sender and here."""
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, error: MessageRefused) -> None:
        """Count a message that cannot be used."""
        self.refused[error.reason] = self.refused.get(error.reason, 0) + 1


def record_strain(
    address: str, output: Path, stop: Stop, *, seconds: float | None, count: int | None, overwrite: bool
) -> RecordSummary:
    """Write strain results until `stop`, for `seconds` after the first or until `count` are written.

    Raises NothingReceived where none came, RecordingError where the file cannot be written.
    """
    summary = RecordSummary()
    with ResultWriter(output, MAPS, overwrite=overwrite) as writer:
        for parts in _messages(address, "strain", stop, seconds):
            try:
                message = decode(parts)
            except MessageRefused as error:
                summary.refuse(error)
                continue
            if isinstance(message.header, StrainHeader):
                writer.append(message.header, message.arrays)
                summary.written += 1
            if summary.written == count:
                break
        if not summary.written:
            raise NothingReceived(
                f"no strain came from {address}: is the node running, and are frames coming?"
            )
    return summary


def record_rf(
    address: str, output: Path, stop: Stop, *, seconds: float | None, count: int | None, overwrite: bool
) -> RecordSummary:
    """Write RF frames of one source and session; another session or geometry ends the recording.

    Raises NothingReceived where none came, RecordingError where the file cannot be written.
    """
    summary = RecordSummary()
    first: RfHeader | None = None
    last = -1
    with ExitStack() as closing:
        for parts in _messages(address, "rf", stop, seconds):
            try:
                header, samples = _rf_frame(parts)
            except MessageRefused as error:
                summary.refuse(error)
                continue
            if first is None:
                first, last = header, header.frame_index - 1
                writer = closing.enter_context(
                    write_recording(output, Acquisition.from_header(header), overwrite=overwrite)
                )
            elif _stream(header) != _stream(first):
                break
            if header.frame_index <= last:
                summary.refuse(MessageRefused("backwards", f"frame {header.frame_index} after {last}"))
                continue
            summary.missed += header.frame_index - last - 1
            last = header.frame_index
            writer.append(samples, t_acq=header.t_acq, frame_index=last, status=header.status)
            summary.written += 1
            if summary.written == count:
                break
        if first is None:
            raise NothingReceived(
                f"no RF frame came from {address}: is the scanner bridge or replay running?"
            )
    return summary


def _stream(header: RfHeader) -> tuple[object, ...]:
    """What must stay equal within one recording."""
    return header.source_id, header.session_id, header.shape, header.dtype, Acquisition.from_header(header)


def _rf_frame(parts: list[bytes]) -> tuple[RfHeader, NDArray[Any]]:
    if len(parts) != 3:
        raise MessageRefused("malformed", f"{len(parts)} parts; a frame has topic, header and samples")
    header = unpack_header(parts[1])
    if not isinstance(header, RfHeader):
        raise MessageRefused("unknown_schema", f"{header.schema_name} on the RF link")
    if len(parts[2]) != header.nbytes:
        raise MessageRefused("wrong_size", f"{len(parts[2])} bytes for {header.shape} {header.dtype}")
    return header, np.ascontiguousarray(view_samples(header, np.frombuffer(parts[2], np.uint8)))


def _messages(address: str, kind: str, stop: Stop, seconds: float | None) -> Iterator[list[bytes]]:
    """Every message of a kind until `stop`, or `seconds` after the first."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    link = context.socket(zmq.SUB)
    link.rcvhwm = HIGH_WATER_MARK
    link.subscribe(topic(kind))
    ends = math.inf
    try:
        try:
            link.connect(address)
        except zmq.ZMQError as error:
            raise ConfigError(
                f"cannot connect to {address!r}: {error}; give it as tcp://HOST:PORT"
            ) from error
        while not stop.is_set() and time.monotonic() < ends:
            if link.poll(POLL_MS):
                parts = link.recv_multipart()
                if seconds is not None and ends == math.inf:
                    ends = time.monotonic() + seconds
                yield parts
    finally:
        link.close(0)
        context.term()
