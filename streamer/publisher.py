"""The results socket: an XPUB that tracks which kinds of results have subscribers. Main thread only."""

import zmq

from streamer.config import OutputConfig
from streamer.control import read_request
from streamer.curve import Context
from streamer.sockets import bind_publisher, bound_address
from streamer.wire import topic

SUBSCRIBE, UNSUBSCRIBE = b"\x01", b"\x00"
MAX_REQUESTS = 256  # per look: a peer that never stops subscribing must not hold the main thread


class Publisher:
    """Binds the results address. A slow subscriber loses its own messages beyond the high-water mark;
    others lose nothing and the node never waits.

    Raises AddressInUse where the address cannot be bound, ConfigError where it is no address.
    """

    def __init__(self, context: Context, config: OutputConfig) -> None:
        self._socket = bind_publisher(
            context, config.bind, high_water_mark=config.high_water_mark, setting="output.bind (--bind)"
        )
        self._subscribed: set[bytes] = set()
        self._wanted_fusion: float | None = None
        self.address: str = bound_address(self._socket)
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

    def wanted_fusion(self) -> float | None:
        """The time constant of fusion that a display has asked for since the last call, s; mostly None."""
        self._read_requests()
        wanted, self._wanted_fusion = self._wanted_fusion, None
        return wanted

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
            elif request[:1] == UNSUBSCRIBE:
                self._subscribed.discard(request[1:])
            elif (
                wanted := read_request(request)
            ) is not None:  # else a peer's own message, also an empty one
                self._wanted_fusion = wanted.time_constant
