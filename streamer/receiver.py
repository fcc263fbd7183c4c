"""The receiver thread: drains the RF link into the ring, and refuses by name what cannot be used.

Always draining is the only way to the newest frame: a high-water mark keeps old messages and drops new ones.
"""

import logging
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import zmq
from numpy.typing import NDArray
from zmq.utils.monitor import recv_monitor_message

from streamer.admission import Admission
from streamer.config import InputConfig
from streamer.errors import ConfigError, MessageRefused
from streamer.frame import view_samples
from streamer.headers import RfHeader
from streamer.keepalive import enable_tcp_keepalive
from streamer.ring import FrameRing, Slot
from streamer.wire import topic, unpack_header

POLL_MS = 50  # how soon a stop is noticed
OVERHEAD_BYTES = 64 * 1024  # MAXMSGSIZE counts one part; headers are far smaller
RESET_PAUSE = 0.1  # s; a peer that breaks every link must not spin this thread

log = logging.getLogger(__name__)


class FrameEvents(Protocol):
    """What the receiver reports. Called in the receiver's thread."""

    def frame_received(self) -> None: ...
    def frames_lost(self, count: int) -> None: ...
    def frame_refused(self, reason: str) -> None: ...
    def link_reset(self) -> None: ...
    def frame_accepted(self, header: RfHeader, received: float, seconds: float) -> None: ...


class Receiver:
    """Owns the SUB socket and the thread it lives in.

    A connecting SUB that meets a message above MAXMSGSIZE is disconnected for good, so every disconnect
    makes a new socket; the same path serves a publisher that was killed and comes back.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
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
            while not self._stopping.is_set():
                self._one_link()
        except ConfigError as error:
            self._failure = error
        except BaseException as error:
            self._failure = error
            log.exception("receiver stopped")

    def _one_link(self) -> None:
        """Receive until the link breaks or the node stops."""
        link = self._context.socket(zmq.SUB)
        monitor = link.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            link.linger = 0
            link.rcvhwm = self._config.high_water_mark
            link.setsockopt(zmq.MAXMSGSIZE, self._config.max_frame_bytes + OVERHEAD_BYTES)
            enable_tcp_keepalive(link)
            link.subscribe(topic("rf", self._config.source))
            self._connect(link)
            poller = zmq.Poller()
            poller.register(link, zmq.POLLIN)
            poller.register(monitor, zmq.POLLIN)
            while not self._stopping.is_set():
                ready = dict(poller.poll(POLL_MS))
                if link in ready:
                    self._receive(link)
                elif monitor in ready:
                    recv_monitor_message(monitor)
                    break
        finally:
            link.disable_monitor()
            monitor.close(0)
            link.close(0)
        if not self._stopping.is_set():
            self._events.link_reset()
            log.warning(
                "RF link to %s closed: the sender stopped, or sent more than input.max_frame_bytes (%d)",
                self._config.connect,
                self._config.max_frame_bytes,
                extra={"limit_by": "link"},
            )
            self._stopping.wait(RESET_PAUSE)

    def _connect(self, link: "zmq.Socket[bytes]") -> None:
        try:
            link.connect(self._config.connect)
        except zmq.ZMQError as error:
            raise ConfigError(
                f"input.connect = {self._config.connect!r}: {error}; give it as tcp://HOST:PORT"
            ) from error

    def _receive(self, link: "zmq.Socket[bytes]") -> None:
        """One message, to the ring or to its reason."""
        begun = time.perf_counter()
        name = link.recv(zmq.NOBLOCK)
        self._events.frame_received()
        slot: Slot | None = None
        try:
            header = self._header(link, name)
            slot = self._payload(link, header, begun)
            samples = view_samples(header, slot.payload)
            self._check(header, samples)
        except MessageRefused as refused:
            while link.getsockopt(zmq.RCVMORE):
                link.recv()
            if slot is not None:
                self._ring.abandon(slot)
            self._events.frame_refused(refused.reason)
            log.warning("frame refused: %s", refused, extra={"limit_by": refused.reason})
            return
        now = time.perf_counter()
        self._ring.commit(slot, header, now)
        self._events.frame_accepted(header, now, now - begun)

    def _header(self, link: "zmq.Socket[bytes]", name: bytes) -> RfHeader:
        try:
            if not link.getsockopt(zmq.RCVMORE):
                raise MessageRefused("malformed", "a topic without header and samples")
            header = unpack_header(link.recv())
            if not isinstance(header, RfHeader):
                raise MessageRefused("unknown_schema", f"{header.schema_name} on the RF link")
            if name != topic("rf", header.source_id):
                raise MessageRefused("malformed", f"topic {name[:40]!r} of source_id {header.source_id!r}")
        except MessageRefused:
            self._admission.unreadable()
            raise
        return header

    def _payload(self, link: "zmq.Socket[bytes]", header: RfHeader, now: float) -> Slot:
        lost = self._admission.admit(header, now)
        if lost:
            self._events.frames_lost(lost)
            log.warning(
                "%d frames lost before frame %d", lost, header.frame_index, extra={"limit_by": "lost"}
            )
        if not link.getsockopt(zmq.RCVMORE):
            raise MessageRefused("wrong_size", f"frame {header.frame_index} has no samples")
        if header.nbytes != self._ring.frame_bytes:  # a new size must prove itself before the ring makes room
            whole = link.recv(copy=False).buffer
            if len(whole) != header.nbytes:
                raise MessageRefused("wrong_size", f"{len(whole)} bytes for {header.shape} {header.dtype}")
            slot = self._ring.claim(header.nbytes)
            slot.payload[:] = np.frombuffer(whole, np.uint8)
            size = len(whole)
        else:
            slot = self._ring.claim(header.nbytes)
            # a slot shorter than the message would cut it without a word: the returned size tells
            size = link.recv_into(slot.payload.data)
        try:
            if size != header.nbytes or link.getsockopt(zmq.RCVMORE):
                raise MessageRefused("wrong_size", f"{size} bytes for {header.shape} {header.dtype}")
            if header.payload_crc32 is not None and zlib.crc32(slot.payload.data) != header.payload_crc32:
                raise MessageRefused("bad_checksum", f"frame {header.frame_index}")
        except BaseException:
            self._ring.abandon(slot)
            raise
        return slot
