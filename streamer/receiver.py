"""The receiver thread: drains the RF link into the ring, and refuses by name what cannot be used.

Always draining is the only way to the newest frame: a high-water mark keeps old messages and drops new ones.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamer.admission import Admission
from streamer.config import InputConfig
from streamer.curve import Context
from streamer.errors import ConfigError, MessageRefused
from streamer.frame import view_samples
from streamer.headers import RfHeader
from streamer.link import REFUSALS, Link
from streamer.reasons import Refusal
from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.ring import FrameRing, Slot
from streamer.sockets import OVERHEAD_BYTES
from streamer.wire import topic

SILENT_AFTER = 2.0  # s without a frame of the named source
POLL = 0.05  # s; how soon a stop is noticed

log = logging.getLogger(__name__)


class FrameEvents(Protocol):
    """What the receiver reports. Called in the receiver's thread."""

    def frame_received(self) -> None: ...
    def frames_lost(self, count: int) -> None: ...
    def frame_refused(self, reason: Refusal) -> None: ...
    def link_reset(self) -> None: ...
    def frame_accepted(self, header: RfHeader, received: float, seconds: float) -> None: ...
    def peer_changed(self, peer: str) -> None: ...
    def other_source(self, source_id: str) -> None: ...


class Receiver:
    """Owns the RF link and the thread it lives in."""

    def __init__(
        self,
        context: Context,
        config: InputConfig,
        ring: FrameRing,
        events: FrameEvents,
        check: Callable[[RfHeader, NDArray[Any]], None],
    ) -> None:
        self._context = context
        self._config = config
        self._ring = ring
        self._events = events
        self._check = check
        self._admission = Admission(config.source)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receiver")
        self._failure: BaseException | None = None
        self._accepted_at = time.monotonic()
        self._hears_all = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close its sockets; returns within about 0.1 s."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def raise_if_failed(self) -> None:
        """Raise ConfigError where the address is impossible, RuntimeError if the thread ended by itself."""
        if isinstance(self._failure, ConfigError):
            raise self._failure
        if self._failure is not None:
            raise RuntimeError("the receiver thread stopped") from self._failure

    def _run(self) -> None:
        try:
            link = Link(
                self._context,
                self._config.connect,
                [topic("rf", self._config.source)],
                high_water_mark=self._config.high_water_mark,
                max_part_bytes=self._config.max_frame_bytes + OVERHEAD_BYTES,
                setting="input.connect",
                on_reset=self._link_reset,
                server="rf",
            )
            with closing(link):
                peer = ""
                while not self._stopping.is_set():
                    if link.wait(POLL):
                        self._receive(link)
                    if link.peer != peer:
                        peer = link.peer
                        self._events.peer_changed(peer)
                    self._look_for_others(link)
        except ConfigError as error:
            self._failure = error
        except BaseException as error:
            self._failure = error
            log.exception("receiver stopped")

    def _look_for_others(self, link: Link) -> None:
        """While a named source is silent, hear every source, so that those that send can be named."""
        if not self._config.source:
            return
        silent = time.monotonic() - self._accepted_at > SILENT_AFTER
        if silent != self._hears_all:
            self._hears_all = silent
            (link.subscribe if silent else link.unsubscribe)(topic("rf"))

    def _link_reset(self, peer: str) -> None:
        if self._stopping.is_set():
            return
        self._events.link_reset()
        limit = (
            f"the sender stopped, or sent more than input.max_frame_bytes ({self._config.max_frame_bytes})"
        )
        reason = peer if peer in REFUSALS else limit
        log.warning("RF link to %s closed: %s", self._config.connect, reason, extra={"limit_by": "link"})

    def _receive(self, link: Link) -> None:
        """Put the next frame into the ring, or refuse it for a reason."""
        begun = time.perf_counter()
        parts = link.receive()
        self._events.frame_received()
        try:
            header = self._header(parts, begun)
            slot = self._samples(parts, header)
        except MessageRefused as refused:
            self._events.frame_refused(refused.reason)
            log.warning("frame refused: %s", refused, extra={"limit_by": refused.reason})
            return
        now = time.perf_counter()
        lost = self._admission.accept(header, begun)
        if lost:
            self._events.frames_lost(lost)
            log.warning(
                "%d frames lost before frame %d", lost, header.frame_index, extra={"limit_by": "lost"}
            )
        self._ring.commit(slot, header, now)
        self._accepted_at = time.monotonic()
        self._events.frame_accepted(header, now, now - begun)

    def _header(self, parts: list[memoryview], now: float) -> RfHeader:
        """The header of a frame that goes on in the stream."""
        try:
            header = read_rf_header(parts)
        except MessageRefused:
            self._admission.refused()
            raise
        try:
            self._admission.check(header, now)
        except MessageRefused as refused:
            if refused.reason == "other_source":
                self._events.other_source(header.source_id)
            raise
        return header

    def _samples(self, parts: list[memoryview], header: RfHeader) -> Slot:
        """A slot of the ring with checked samples."""
        slot: Slot | None = None
        try:
            payload = read_rf_payload(parts, header)
            slot = self._ring.claim(header.nbytes)
            slot.payload[:] = np.frombuffer(payload, np.uint8)
            self._check(header, view_samples(header, slot.payload))
        except BaseException as error:
            if slot is not None:
                self._ring.abandon(slot)
            if isinstance(error, MessageRefused):
                self._admission.refused(header)
            raise
        return slot
