"""An OpenIGTLink server of a node's results. One thread; every viewer gets the newest of each map.

A viewer that is slow misses images, which are counted; one that takes nothing is cut off. Others and the node
never wait.
"""

import logging
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from streamer.addresses import split_host_port
from streamer.errors import AddressInUse
from streamer.headers import NO_SOURCE, StatusHeader
from streamer.stopping import Stop
from streamer.subscriber import Received, Subscriber
from tools.igtl.images import Translator

MAX_VIEWERS: Final = 8
POLL: Final = 0.01  # s
CUT_OFF: Final = 5.0  # s in which a viewer with data waiting took none
LOST_AFTER: Final = 5  # status intervals without a message; the same as at the display
_READ: Final = 64 * 1024  # bytes a viewer sends are dropped: there is nothing to ask for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedSummary:
    """What was sent to all viewers together."""

    sent: int
    """Messages."""
    skipped: int
    """Messages that a newer one replaced before the viewer took them, at the node's link or here."""
    refused: int
    """Messages of the node that broke the protocol."""


class _Viewer:
    """One connection: bytes on their way, and the newest waiting message of each device."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link = link
        self.sent, self.skipped = 0, 0
        self._leaving = memoryview(b"")
        self._waiting: dict[str, bytes] = {}
        self._moved = time.monotonic()

    def put(self, device: str, message: bytes) -> None:
        self.skipped += device in self._waiting
        self._waiting[device] = message

    def send(self) -> None:
        """Send what the socket takes now. Raises OSError where the viewer is gone or takes nothing."""
        now = time.monotonic()
        while self._leaving or self._waiting:
            if not self._leaving:
                self._leaving = memoryview(self._waiting.pop(next(iter(self._waiting))))
            try:
                count = self.link.send(self._leaving)
            except BlockingIOError:
                if now - self._moved > CUT_OFF:
                    raise TimeoutError(f"it took nothing for {CUT_OFF:g} s") from None
                return
            self._leaving = self._leaving[count:]
            self._moved = now
            self.sent += not self._leaving
        self._moved = now

    def drain(self) -> None:
        """Drop what it sends. Raises ConnectionError where it hung up."""
        try:
            if not self.link.recv(_READ):
                raise ConnectionResetError("it hung up")
        except BlockingIOError:
            return


class IgtlServer:
    """Binds on construction; `run` serves. Raises AddressInUse, ConfigError."""

    def __init__(self, results: str, bind: str, source: str | None = None) -> None:
        host, port = split_host_port(bind, "--bind")
        self._source = source
        self._translator = Translator()
        self._viewers: dict[socket.socket, _Viewer] = {}
        self._totals: Counter[str] = Counter()
        self._interval = 1.0  # s between status messages, until the first one
        self._alive_until: float | None = None
        with ExitStack() as opened:
            self._subscriber = opened.enter_context(Subscriber(results, source=source))
            try:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                self._listener = opened.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                raise AddressInUse(
                    f"cannot serve OpenIGTLink at {bind} ({error.strerror}): choose another with --bind"
                ) from error
            self._selector = opened.enter_context(selectors.DefaultSelector())
            self._opened = opened.pop_all()
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        name = f"[{host}]" if ":" in host else host
        self.address = f"{name}:{self._listener.getsockname()[1]}"
        """HOST:PORT that was really bound."""

    def run(self, stop: Stop, on_ready: Callable[[str], None] = lambda address: None) -> ServedSummary:
        """Serve until `stop` is set, then close everything; returns what was sent."""
        try:
            on_ready(self.address)
            while not stop.is_set():
                self._translate(self._subscriber.poll(POLL), time.monotonic())
                for key, _ in self._selector.select(0):
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._try(self._viewers[key.fileobj].drain, key.fileobj)  # type: ignore[index, arg-type]  # sockets
                for link, viewer in list(self._viewers.items()):
                    self._try(viewer.send, link)
        finally:
            for link in list(self._viewers):
                self._drop(link)
            self._opened.close()
        skipped = self._totals["skipped"] + self._subscriber.skipped.total()
        return ServedSummary(self._totals["sent"], skipped, self._subscriber.refused.total())

    def _translate(self, received: Received, now: float) -> None:
        for strain in received.strain_headers:
            if self._is_shown(strain.source_id):
                self._translator.remember(strain)
        for message in received.messages:
            header = message.header
            if not self._is_shown(header.source_id):
                continue
            if isinstance(header, StatusHeader):
                self._interval = header.status_interval
            self._alive_until = now + LOST_AFTER * self._interval
            self._send(self._translator.messages(message))
        if self._alive_until is not None and now > self._alive_until:
            self._alive_until = None
            log.warning("the node does not answer: viewers get maps without a value")
            self._send(self._translator.lost())

    def _is_shown(self, source: str) -> bool:
        """Whether it is the source that is served: the one asked for, else the first that comes."""
        if source == NO_SOURCE:
            return True
        if self._source is None:
            self._source = source
        elif source != self._source:
            log.warning("source %s is not served; give --source", source, extra={"limit_by": "source"})
        return source == self._source

    def _send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for device, message in messages:
            for viewer in self._viewers.values():
                viewer.put(device, message)

    def _accept(self) -> None:
        link, peer = self._listener.accept()
        if len(self._viewers) >= MAX_VIEWERS:
            log.warning("a viewer at %s was refused: %d are connected", peer[0], MAX_VIEWERS)
            link.close()
            return
        self._viewers[link] = _Viewer(link)
        self._selector.register(link, selectors.EVENT_READ)
        log.info("a viewer at %s connected", peer[0])

    def _try(self, action: Callable[[], None], link: socket.socket) -> None:
        if link not in self._viewers:
            return
        try:
            action()
        except OSError as error:
            log.info("a viewer left: %s", error)
            self._drop(link)

    def _drop(self, link: socket.socket) -> None:
        viewer = self._viewers.pop(link)
        self._totals.update(sent=viewer.sent, skipped=viewer.skipped)
        self._selector.unregister(link)
        link.close()
