"""The tape process: subscribes to RF and results, holds them in memory, saves or serves them when asked.

One thread receives and answers; a tape is written by a second one, so that receiving goes on meanwhile.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from streamer.curve import PLAIN, Context, Security, Server
from streamer.errors import MessageRefused
from streamer.headers import BmodeHeader, FusedHeader, RfHeader, StatusHeader, StrainHeader
from streamer.link import Link, wait_any
from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.sockets import bind_server, bound_address, open_context
from streamer.stopping import Stop
from streamer.system import steady_ns
from streamer.wire import decode, topic
from tools.tape.answers import Answers
from tools.tape.protocol import MAX_REQUEST
from tools.tape.ring import Held, Ring

POLL: Final = 0.05
HIGH_WATER_MARK: Final = 256  # messages: a stall of this process must not make a hole
CLIENT_GONE_AFTER: Final = 30.0  # s without a request of a client that has frozen
MAX_CLIENTS: Final = 16
RESULTS: Final = ("strain", "fused", "bmode", "status")
_COLUMNS: Final = ("mean_strain", "quality", "median_ncc", "rejection")


@dataclass(slots=True)
class Counts:
    """What came and what did not."""

    received: int = 0
    missed: int = 0
    """RF frames by the holes in their numbers."""
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSettings:
    """Where a tape process listens and what it may use."""

    rf: str
    """Address of the scanner bridge or replay."""
    results: str
    """Address of the node's results."""
    bind: str
    """Address of the requests."""
    memory: int
    """Bytes of the ring."""
    folder: Path
    """Where tapes are saved; made when the first one is."""
    source: str = ""
    """source_id of the frames; empty: all."""
    security: Security = PLAIN
    """Keys of all its links."""


def serve(settings: KeepSettings, stop: Stop, on_ready: Callable[[str], None]) -> Counts:
    """Run until `stop` is set or the parent process is gone; returns what was received.

    Raises AddressInUse where the address cannot be bound, ConfigError where one is impossible.
    """
    context = open_context(settings.security)
    with ExitStack() as closing:
        closing.callback(context.term)
        return _Service(context, settings, closing).run(stop, on_ready)


class _Service:
    def __init__(self, context: Context, settings: KeepSettings, closing: ExitStack) -> None:
        self._counts = Counts()
        self._last_index: dict[tuple[str, str], int] = {}
        self._context, self._settings, self._closing = context, settings, closing
        self._requests = closing.enter_context(
            bind_server(
                context,
                settings.bind,
                high_water_mark=HIGH_WATER_MARK,
                max_part_bytes=MAX_REQUEST,
                setting="keep.bind",
            )
        )
        self._answers = Answers(Ring(settings.memory), self._requests, settings.folder)
        self._links: list[Link] = []
        self._connect(settings.results, [topic(kind, settings.source) for kind in RESULTS], "node")

    def run(self, stop: Stop, on_ready: Callable[[str], None]) -> Counts:
        on_ready(bound_address(self._requests))
        parent = os.getppid()
        try:
            while not stop.is_set() and os.getppid() == parent:
                ready = wait_any(self._links, POLL, self._requests)
                for link in self._links:
                    if link in ready:
                        self._receive(link)
                if self._requests in ready:
                    self._answers.answer()
                self._answers.tick()
        finally:
            self._answers.close()
        return self._counts

    def _connect(self, address: str, topics: list[bytes], server: Server) -> None:
        link = Link(
            self._context,
            address,
            topics,
            high_water_mark=HIGH_WATER_MARK,
            setting="address of the tape process",
            server=server,
        )
        self._closing.callback(link.close)
        self._links.append(link)

    def _follow(self, status: StatusHeader) -> None:
        """Note the node's state; listen to RF as soon as the node gets it.

        A replay that waits for one subscriber has to wait for the node, not for this process.
        """
        self._answers.status[status.source_id] = status
        if status.received and len(self._links) == 1:
            self._connect(self._settings.rf, [topic("rf", self._settings.source)], "rf")

    def _receive(self, link: Link) -> None:
        parts = [bytes(part) for part in link.receive()]
        now = steady_ns()
        try:
            header = _checked(parts)
        except MessageRefused as refused:
            self._counts.refused[refused.reason] = self._counts.refused.get(refused.reason, 0) + 1
            return
        if isinstance(header, StatusHeader):
            self._follow(header)
            return
        self._counts.received += 1
        if isinstance(header, RfHeader):
            stream = header.source_id, header.session_id
            last = self._last_index.get(stream)
            self._last_index = {stream: header.frame_index}
            if last is not None:
                self._counts.missed += max(0, header.frame_index - last - 1)
                self._answers.missed = self._counts.missed
        self._answers.update(Held(now, header, tuple(parts)))


def _checked(parts: list[bytes]) -> RfHeader | StrainHeader | FusedHeader | BmodeHeader | StatusHeader:
    """The header of a message whose parts fit it. Raises MessageRefused."""
    if parts[0].startswith(topic("rf")):
        header = read_rf_header(parts)
        read_rf_payload(parts, header)
        return header
    return decode(parts).header
