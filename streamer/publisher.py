"""The results socket: an XPUB that knows which kinds of results anyone listens to. Main thread only."""

import zmq

from streamer.config import OutputConfig
from streamer.errors import AddressInUse
from streamer.wire import topic

SUBSCRIBE = 1


class Publisher:
    """Binds the results address. A slow subscriber loses its own messages beyond the high-water mark;
    others lose nothing and the node never waits.

    Raises AddressInUse where the address cannot be bound.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", config: OutputConfig) -> None:
        self._socket = context.socket(zmq.XPUB)
        self._socket.linger = 0
        self._socket.sndhwm = config.high_water_mark
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
        while self._socket.poll(0):
            message = self._socket.recv()
            (self._subscribed.add if message[0] == SUBSCRIBE else self._subscribed.discard)(message[1:])
        name = topic(kind, source_id)
        return any(name.startswith(prefix) for prefix in self._subscribed)

    def send(self, parts: list[bytes | memoryview]) -> None:
        """Send one encoded message; its arrays are copied before this returns."""
        self._socket.send_multipart(parts, flags=zmq.NOBLOCK, copy=True)

    def close(self) -> None:
        """Close the socket; messages still queued are dropped."""
        self._socket.close(0)
