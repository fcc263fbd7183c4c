"""Writes what live links carry to a tape: RF frames of a scanner bridge, results of a node, or both.

Unlike a display it wants every message, so it queues deeply and counts what was lost on the way.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from streamer.curve import PLAIN, Security, Server
from streamer.errors import MessageRefused
from streamer.headers import ResultHeader, RfHeader, StatusHeader, StrainHeader
from streamer.link import Link, wait_any
from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.sockets import open_context
from streamer.stopping import Stop
from streamer.system import steady_ns, unix_ahead_ns
from streamer.wire import decode, topic
from tools.errors import DiskFull, NothingReceived, RecordingError
from tools.part import check_output
from tools.tape.about import about_node
from tools.tape.layout import ABOUT_NODE, SUFFIX
from tools.tape.writer import TapeWriter

HIGH_WATER_MARK: Final = 256  # messages: a slow disk may pause for a second
POLL: Final = 0.05  # s; how soon a stop is noticed
PROGRESS_EVERY: Final = 1.0  # s
RESULTS: Final = ("strain", "fused", "bmode", "status")
MAPS: Final = frozenset({"axial_strain", "strain_std"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Addresses to record from; at least one."""

    rf: str | None = None
    results: str | None = None
    security: Security = PLAIN
    """Keys of both links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a recording ends, beside its `Stop`."""

    seconds: float | None = None
    """After the first message."""
    count: int | None = None
    """Pairs written; RF frames where only these are recorded."""
    timeout: float = math.inf
    """s without any message at the beginning."""


@dataclass
class RecordSummary:
    """What was written."""

    file: str
    seconds: float = 0.0
    """From the first message to the last."""
    rf_frames: int = 0
    pairs: int = 0
    bytes: int = 0
    missed: int = 0
    """RF frames by the holes in their numbers, and pairs that the node reports as sent and that did not
    arrive."""
    refused: dict[str, int] = field(default_factory=dict)
    ended: str = "as asked"
    """Why it ended."""

    @property
    def text(self) -> str:
        """How long, how many and how much."""
        counted = [f"{self.pairs} pairs"] * (self.pairs > 0)
        counted += [f"{self.rf_frames} RF frames"] * (self.rf_frames > 0)
        return f"recording {self.seconds:.0f} s, {', '.join(counted)}, {self.bytes / 1e6:.0f} MB"

    def refuse(self, error: MessageRefused) -> None:
        """Count a message that cannot be used."""
        self.refused[error.reason] = self.refused.get(error.reason, 0) + 1


def record(
    sources: Sources,
    output: Path,
    stop: Stop,
    until: Until,
    *,
    overwrite: bool = False,
    on_progress: Callable[[RecordSummary], None] = lambda summary: None,
) -> RecordSummary:
    """Write messages until `stop` or `until`, whatever their geometry, session, source and engine.

    A full disk ends it too: `ended` then begins with 'the disk is full', and the tape holds what came before.
    `on_progress` is called about once a second. Raises NothingReceived where nothing came, RecordingError
    where the file cannot be written, DiskFull where not even one message fits, ConfigError.
    """
    check_tape_output(output, overwrite=overwrite)
    recorder = _Recorder(output, overwrite=overwrite)
    with ExitStack() as closing:
        closing.enter_context(recorder)
        for parts in _messages(sources, stop, until, recorder, on_progress):
            try:
                recorder.update(parts)
            except MessageRefused as error:
                recorder.summary.refuse(error)
            except DiskFull as error:
                if not recorder.written:
                    raise
                recorder.summary.ended = str(error)
                break
    if not recorder.written:
        raise NothingReceived(_nothing(sources, recorder.refusals))
    return recorder.summary


def check_tape_output(output: Path, *, overwrite: bool) -> None:
    """Raise RecordingError for a name that is no tape's, or is taken."""
    if output.suffix != SUFFIX:
        tape = output.with_suffix(SUFFIX).name
        raise RecordingError(
            f"{output}: a recording is written as {SUFFIX}, which survives a crash; give --output {tape}, "
            f"and afterwards: musse-stream convert {tape} --output {output.name}"
        )
    check_output(output, overwrite=overwrite)


class _Recorder:
    """Checks messages, counts them and writes them; the file is made for the first one."""

    def __init__(self, output: Path, *, overwrite: bool) -> None:
        self.summary = RecordSummary(str(output))
        self._output, self._overwrite = output, overwrite
        self._tape: TapeWriter | None = None
        self._closing = ExitStack()
        self._first = 0
        self.refusals: dict[Server, str] = {}
        """Why an end takes no link, in words."""
        self._ahead = unix_ahead_ns()  # once: the clock may be set while this records
        self._last_index: dict[tuple[str, str], int] = {}
        self._node: dict[str, str] = {}
        self._sent: int | None = None  # pairs, of the node's last status
        self._since = 0  # pairs received after that

    @property
    def written(self) -> int:
        """Messages in the file."""
        return self._tape.n_messages if self._tape is not None else 0

    def update(self, parts: list[bytes]) -> None:
        """Write one message. Raises MessageRefused, DiskFull, RecordingError."""
        if parts[0].startswith(topic("rf")):
            rf = read_rf_header(parts)
            read_rf_payload(parts, rf)
            self._check_order(rf)
            self._append(parts, rf)
            self.summary.rf_frames += 1
            return
        message = decode(parts)
        header = message.header
        if isinstance(header, StatusHeader):
            self._follow(header)
            return
        if isinstance(header, StrainHeader):
            _check_maps(header, message.arrays)
        self._append(parts, header)
        if isinstance(header, StrainHeader):
            self.summary.pairs += 1
            self._since += 1

    def warn_of_low_space(self) -> None:
        """Log it where the disk is nearly full."""
        free = self._tape.low_space() if self._tape is not None else None
        if free is not None:
            log.warning(
                "only %.1f %% of the disk of %s is free", free * 100, self._output, extra={"limit_by": "disk"}
            )

    def _append(self, parts: list[bytes], header: RfHeader | ResultHeader) -> None:
        now = steady_ns() + self._ahead
        if self._tape is None:
            self._tape = self._closing.enter_context(TapeWriter(self._output, overwrite=self._overwrite))
            self._first = now
            if self._node:
                self._tape.describe(ABOUT_NODE, self._node)
        self._tape.append(parts, header.schema_name, now)
        self.summary.seconds = (now - self._first) * 1e-9
        self.summary.bytes = self._tape.n_bytes

    def _check_order(self, header: RfHeader) -> None:
        stream = header.source_id, header.session_id
        last = self._last_index.get(stream, header.frame_index - 1)
        if header.frame_index <= last:
            raise MessageRefused("backwards", f"frame {header.frame_index} after {last}")
        self.summary.missed += header.frame_index - last - 1
        self._last_index[stream] = header.frame_index

    def _follow(self, status: StatusHeader) -> None:
        """Count what the node sent and did not come; note on the tape which node it is."""
        total = status.published_valid + status.published_no_value
        if self._sent is not None and total >= self._sent:  # fewer: the node was started anew
            self.summary.missed += max(0, total - self._sent - self._since)
        self._sent, self._since = total, 0
        node = about_node(status)
        if node != self._node:
            self._node = node
            if self._tape is not None:
                self._tape.describe(ABOUT_NODE, node)

    def __enter__(self) -> "_Recorder":
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()


def _check_maps(header: StrainHeader, arrays: Mapping[str, NDArray[Any]]) -> None:
    """A pair holds both maps on a grid, or none of it and a reason."""
    if header.rejection is not None and header.grid is None and not arrays:
        return
    shapes = {arrays[name].shape for name in MAPS if name in arrays}
    if header.rejection is not None or header.grid is None or set(arrays) != MAPS or len(shapes) != 1:
        raise MessageRefused("malformed", f"pair {header.post_index} has {', '.join(arrays) or 'no maps'}")


def _messages(
    sources: Sources,
    stop: Stop,
    until: Until,
    recorder: _Recorder,
    on_progress: Callable[[RecordSummary], None],
) -> Iterator[list[bytes]]:
    """Every message; time runs from the first one that was written."""
    summary = recorder.summary
    ends = time.monotonic() + until.timeout
    progress = time.monotonic() + PROGRESS_EVERY
    begun = False
    with ExitStack() as closing:
        context = open_context(sources.security)
        closing.callback(context.term)
        links: dict[Server, Link] = {}
        wanted: tuple[tuple[str | None, tuple[str, ...], Server], ...] = (
            (sources.rf, ("rf",), "rf"),
            (sources.results, RESULTS, "node"),
        )
        for address, kinds, server in wanted:
            if address is not None:
                topics = [topic(kind) for kind in kinds]
                links[server] = link = Link(
                    context,
                    address,
                    topics,
                    high_water_mark=HIGH_WATER_MARK,
                    setting="--connect",
                    server=server,
                )
                closing.callback(link.close)
        while not stop.is_set() and time.monotonic() < ends:
            having = wait_any(list(links.values()), POLL)
            recorder.refusals = {server: link.refusal for server, link in links.items() if link.refusal}
            for link in filter(having.__contains__, links.values()):
                yield [bytes(part) for part in link.receive()]
                if until.count == (summary.rf_frames if sources.results is None else summary.pairs):
                    return
            now = time.monotonic()
            if recorder.written and not begun:
                begun, ends = True, now + (math.inf if until.seconds is None else until.seconds)
                recorder.warn_of_low_space()
            if begun and now >= progress:
                progress = now + PROGRESS_EVERY
                on_progress(summary)
                recorder.warn_of_low_space()


def _nothing(sources: Sources, refusals: Mapping[Server, str]) -> str:
    asked = []
    if sources.rf is not None:
        why = refusals.get("rf", "is the scanner bridge or replay running?")
        asked.append(f"no RF frame came from {sources.rf}: {why}")
    if sources.results is not None:
        why = refusals.get("node", "is the node running, and are frames coming?")
        asked.append(f"no strain came from {sources.results}: {why}")
    return "; ".join(asked)
