"""The results socket: an XPUB that knows which kinds of results anyone listens to. Main thread only."""

import zmq

from streamer.config import OutputConfig
from streamer.errors import AddressInUse
from streamer.wire import topic

SUBSCRIBE, UNSUBSCRIBE = b"\x01", b"\x00"
MAX_REQUEST = 1024  # bytes; a subscription is a topic, and whoever sends more is cut off
MAX_REQUESTS = 256  # per look: a peer that never stops subscribing must not hold the main thread


class Publisher:
    """Binds the results address. A slow subscriber loses its own messages beyond the high-water mark;
    others lose nothing and the node never waits.

    Raises AddressInUse where the address cannot be bound.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", config: OutputConfig) -> None:
        self._socket = context.socket(zmq.XPUB)
        self._socket.linger = 0
        self._socket.sndhwm = config.high_water_mark
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST)
        self._subscribed: set[bytes] = set()
        try:
            self._socket.bind(config.bind)
        except zmq.ZMQError as error:
            self._socket.close(0)
            raise AddressInUse(
                f"cannot bind results to {config.bind}: {error}; change output.bind"
            ) from error
        self.address: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        """Where displays connect to, with the port that was really bound."""

    def wanted(self, kind: str, source_id: str) -> bool:
        """Whether anyone subscribes to this kind of message of this source."""
        self._read_requests()
        name = topic(kind, source_id)
        return any(name.startswith(prefix) for prefix in self._subscribed)

    def send(self, parts: list[bytes | memoryview]) -> None:
        """Send one encoded message; its arrays are copied before this returns."""
        self._read_requests()  # also while no frame comes: unread requests would pile up in the socket
        self._socket.send_multipart(parts, flags=zmq.NOBLOCK, copy=True)

    def close(self) -> None:
        """Close the socket; messages still queued are dropped."""
        self._socket.close(0)

    def _read_requests(self) -> None:
        for _ in range(MAX_REQUESTS):
            try:
                request = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            if request[:1] == SUBSCRIBE:
                self._subscribed.add(request[1:])
            elif request[:1] == UNSUBSCRIBE:  # anything else is a peer's own message, also an empty one
                self._subscribed.discard(request[1:])
