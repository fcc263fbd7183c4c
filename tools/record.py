"""Writes what a live link carries to a file: strain results of a node, or RF frames of a scanner bridge.

Unlike a display it wants every message, so it queues deeply and counts what was lost on the way.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.errors import MessageRefused
from streamer.frame import view_samples
from streamer.headers import RfHeader, StatusHeader, StrainHeader
from streamer.link import Link
from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.sockets import open_context
from streamer.stopping import Stop
from streamer.wire import decode, topic
from tools.errors import NothingReceived, RecordingError
from tools.formats import Acquisition, write_recording
from tools.results.writer import ResultWriter

HIGH_WATER_MARK = 256  # messages: a slow disk may pause for a second
POLL = 0.05  # s; how soon a stop is noticed
MAPS = ("axial_strain", "strain_std")


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a recording ends, beside its `Stop`."""

    seconds: float | None = None
    """After the first message."""
    count: int | None = None
    """Messages written."""
    timeout: float = math.inf
    """s without any message at the beginning."""


@dataclass
class RecordSummary:
    """What was written."""

    written: int = 0
    missed: int = 0
    """RF: holes in the frame numbers. Strain: results that the node says it sent and that did not come."""
    refused: dict[str, int] = field(default_factory=dict)
    ended: str = "as asked"
    """Why it ended."""

    def refuse(self, error: MessageRefused) -> None:
        """Count a message that cannot be used."""
        self.refused[error.reason] = self.refused.get(error.reason, 0) + 1


def record_strain(
    address: str, output: Path, stop: Stop, until: Until, *, overwrite: bool = False
) -> RecordSummary:
    """Write strain results until `stop` or `until`; another grid, engine or window ends the recording.

    Raises NothingReceived where none came, RecordingError where the file cannot be written.
    """
    summary = RecordSummary()
    sent: int | None = None  # as the node's status said last
    since = 0  # results received after that
    with ResultWriter(output, MAPS, overwrite=overwrite) as writer:
        for parts in _messages(address, ("strain", "status"), stop, until):
            try:
                message = decode([bytes(part) for part in parts])
                header = message.header
                if isinstance(header, StrainHeader):
                    _check_maps(header, message.arrays)
            except MessageRefused as error:
                summary.refuse(error)
                continue
            if isinstance(header, StatusHeader):
                total = header.published_valid + header.published_no_value
                if sent is not None and total >= sent:  # fewer: the node was started anew
                    summary.missed += max(0, total - sent - since)
                sent, since = total, 0
            elif isinstance(header, StrainHeader):
                since += 1
                if not writer.fits(header, message.arrays):
                    summary.ended = "the acquisition changed"
                    break
                writer.append(header, message.arrays)
                summary.written += 1
            if summary.written == until.count:
                break
        if not summary.written:
            raise NothingReceived(
                f"no strain came from {address}: is the node running, and are frames coming?"
            )
    return summary


def record_rf(
    address: str, output: Path, stop: Stop, until: Until, *, overwrite: bool = False
) -> RecordSummary:
    """Write RF frames of one source and session; another session or geometry ends the recording.

    Raises NothingReceived where none came, RecordingError where the file cannot be written.
    """
    if output.suffix not in (".h5", ".hdf5"):
        raise RecordingError(f"{output}: RF frames are written as .h5")
    if output.exists() and not overwrite:
        raise RecordingError(f"{output} exists: choose another name or use --overwrite")
    summary = RecordSummary()
    first: RfHeader | None = None
    last = -1
    with ExitStack() as closing:
        for parts in _messages(address, ("rf",), stop, until):
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
            elif header.source_id != first.source_id:
                summary.refuse(MessageRefused("other_source", header.source_id))
                continue
            elif _stream(header) != _stream(first):
                summary.ended = "another session or geometry began"
                break
            if header.frame_index <= last:
                summary.refuse(MessageRefused("backwards", f"frame {header.frame_index} after {last}"))
                continue
            summary.missed += header.frame_index - last - 1
            last = header.frame_index
            writer.append(samples, t_acq=header.t_acq, frame_index=last, status=header.status)
            summary.written += 1
            if summary.written == until.count:
                break
        if first is None:
            raise NothingReceived(
                f"no RF frame came from {address}: is the scanner bridge or replay running?"
            )
    return summary


def _stream(header: RfHeader) -> tuple[object, ...]:
    """What must stay equal within one recording."""
    return header.session_id, header.shape, header.dtype, Acquisition.from_header(header)


def _check_maps(header: StrainHeader, arrays: Mapping[str, NDArray[Any]]) -> None:
    """A pair holds both maps on a grid, or none of it and a reason."""
    if header.rejection is not None and header.grid is None and not arrays:
        return
    shapes = {arrays[name].shape for name in MAPS if name in arrays}
    if header.rejection is not None or header.grid is None or set(arrays) != set(MAPS) or len(shapes) != 1:
        raise MessageRefused("malformed", f"pair {header.post_index} has {', '.join(arrays) or 'no maps'}")


def _rf_frame(parts: list[memoryview]) -> tuple[RfHeader, NDArray[Any]]:
    header = read_rf_header(parts)
    payload = read_rf_payload(parts, header)
    return header, np.ascontiguousarray(view_samples(header, np.frombuffer(payload, np.uint8)))


def _messages(address: str, kinds: tuple[str, ...], stop: Stop, until: Until) -> Iterator[list[memoryview]]:
    """Every message of these kinds; time runs from the first one of the first kind."""
    begun = False
    ends = time.monotonic() + until.timeout
    with ExitStack() as closing:
        context = open_context()
        closing.callback(context.term)
        topics = [topic(kind) for kind in kinds]
        link = Link(context, address, topics, high_water_mark=HIGH_WATER_MARK, setting="--connect")
        closing.callback(link.close)
        while not stop.is_set() and time.monotonic() < ends:
            if link.wait(POLL):
                parts = link.receive()
                if not begun and bytes(parts[0]).startswith(topics[0]):
                    begun, ends = True, math.inf
                    if until.seconds is not None:
                        ends = time.monotonic() + until.seconds
                yield parts
