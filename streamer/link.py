"""A subscribed link that replaces its socket after every disconnect.

A connecting SUB that meets a part above MAXMSGSIZE is disconnected for good, so libzmq's own reconnection is
not enough; the same path serves a publisher that was killed and comes back.
"""

import math
import time
from collections.abc import Callable, Container, Sequence
from typing import Any, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from streamer.curve import Context, Server
from streamer.sockets import MAX_FRAME_BYTES, OVERHEAD_BYTES, Socket, connect_subscriber

RESET_PAUSE = 0.1  # s; a peer that breaks every link must not keep this thread busy
REFUSED_PAUSE = 1.0  # s; where a peer closes before the handshake, it will do so again
PEER: Final[dict[int, str]] = {
    zmq.EVENT_CONNECTED: "something listens there, but has not answered as a ZeroMQ peer",
    zmq.EVENT_HANDSHAKE_SUCCEEDED: "the link is up",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "what listens there does not speak ZeroMQ",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "what listens there speaks another protocol, or wants another key",
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "it does not allow the key of this computer",
    zmq.EVENT_DISCONNECTED: "the sender hung up",
}
"""Meaning of the newest event of a socket for its peer."""
NO_PEER: Final = "nothing answers there"
CLOSES: Final = "it closes every link as it opens: it has another key, or is no PUB or XPUB socket"
"""A ZeroMQ socket of another type does that, a server of another protocol, and a node with another key than
the one that is pinned."""
NOT_ALLOWED: Final = PEER[zmq.EVENT_HANDSHAKE_FAILED_AUTH]
REFUSALS: Final = (CLOSES, NOT_ALLOWED, PEER[zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL])
"""What ends every link before a message: stated until one is up, whatever an attempt begins and ends with."""
ATTEMPT: Final = (zmq.EVENT_CONNECTED, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_DISCONNECTED)
UNANSWERED: Final = (zmq.EVENT_CONNECTED, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
"""Newest events of a link that was closed before any handshake; which one it is, is chance."""
MAX_PARTS = 16  # kept per message: more than any message of the protocol has


class Link:
    """Receives from one address. One thread: the one that opened it.

    `on_reset` is called after each disconnect with what is known of the other end; `server` names the pinned
    key of the other end. Raises ConfigError, naming `setting`, for an impossible address.
    """

    def __init__(
        self,
        context: Context,
        address: str,
        topics: Sequence[bytes],
        *,
        high_water_mark: int,
        setting: str,
        max_part_bytes: int = MAX_FRAME_BYTES + OVERHEAD_BYTES,
        on_reset: Callable[[str], None] = lambda peer: None,
        server: Server = "node",
    ) -> None:
        self._context = context
        self._address = address
        self._topics = list(topics)
        self._high_water_mark = high_water_mark
        self._max_part_bytes = max_part_bytes
        self._setting = setting
        self._on_reset = on_reset
        self._server: Server = server
        self.peer: str = NO_PEER
        """What is known of the other end, in words."""
        self._newest = 0
        """The newest event of the socket."""
        self._socket: Socket | None = None
        self._reopen_at = 0.0
        self._open()

    def subscribe(self, topic: bytes) -> None:
        """Receive messages of this topic as well."""
        self._topics.append(topic)
        if self._socket is not None:
            self._socket.subscribe(topic)

    def unsubscribe(self, topic: bytes) -> None:
        """Receive messages of this topic no more, unless another one covers them."""
        self._topics.remove(topic)
        if self._socket is not None:
            self._socket.unsubscribe(topic)

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for a message; returns whether `receive` has one. Reopens a broken link."""
        return self in wait_any([self], seconds)

    def receive(self) -> list[memoryview]:
        """The parts of the next message without a copy, at most MAX_PARTS. Raises zmq.Again if none waits."""
        socket = self._socket
        if socket is None:
            raise zmq.Again
        parts = [socket.recv(zmq.NOBLOCK, copy=False).buffer]
        while socket.getsockopt(zmq.RCVMORE):
            part = socket.recv(copy=False)
            if len(parts) < MAX_PARTS:
                parts.append(part.buffer)
        return parts

    @property
    def refusal(self) -> str:
        """Why the other end takes no link of this one, in words; "" where that is not known."""
        return self.peer if self.peer in REFUSALS else ""

    def _sockets(self) -> list[Socket]:
        return [] if self._socket is None else [self._socket, self._monitor]

    def close(self) -> None:
        """Close the sockets; nothing waits for the peer."""
        if self._socket is None:
            return
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()
        self._socket = None

    def _reopen(self, now: float) -> float:
        """Reopen the link if it is broken and the pause is over; returns the s that remain of the pause."""
        if self._socket is not None:
            return math.inf
        if now < self._reopen_at:
            return self._reopen_at - now
        self._open()
        return math.inf

    def _has_message(self, ready: Container[Any]) -> bool:
        """Whether a message waits, given the sockets that are ready. A broken link is closed."""
        if self._socket in ready:  # what came before the disconnect is still delivered
            return True
        if self._socket is not None and self._monitor in ready:
            event = recv_monitor_message(self._monitor)["event"]
            unanswered = event == zmq.EVENT_DISCONNECTED and self._newest in UNANSWERED
            self._newest = event
            if not (self.peer in REFUSALS and event in ATTEMPT):  # the next attempt proves nothing
                self.peer = CLOSES if unanswered else PEER[event]
            if event != zmq.EVENT_DISCONNECTED:
                return False
            self.close()
            self._reopen_at = time.monotonic() + (REFUSED_PAUSE if self.refusal else RESET_PAUSE)
            self._on_reset(self.peer)
        return False

    def _open(self) -> None:
        socket = connect_subscriber(
            self._context,
            self._address,
            self._topics,
            high_water_mark=self._high_water_mark,
            max_part_bytes=self._max_part_bytes,
            setting=self._setting,
            watched=sum(PEER),
            server=self._server,
        )
        self._monitor = socket.get_monitor_socket()
        self._socket = socket


def wait_any(links: Sequence[Link], seconds: float, *others: Socket) -> list[Link | Socket]:
    """Those of the links and sockets that have a message, after waiting up to `seconds` for the first."""
    now = time.monotonic()
    wait = min([seconds, *(link._reopen(now) for link in links)])
    poller = zmq.Poller()
    for socket in [s for link in links for s in link._sockets()] + list(others):
        poller.register(socket, zmq.POLLIN)
    ready = dict(poller.poll(math.ceil(wait * 1000)))
    having: list[Link | Socket] = [link for link in links if link._has_message(ready)]
    return having + [socket for socket in others if socket in ready]
