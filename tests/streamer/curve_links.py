"""Computers with keys, and clients that try to get in: both ends of an encrypted link."""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from streamer.curve import Context, Keys, Security, read_keys, write_secret
from streamer.sockets import Socket, bound_address, connect_subscriber

LOCAL = "tcp://127.0.0.1:0"


ARRIVES_MS = 20_000


EVENTS = zmq.EVENT_HANDSHAKE_SUCCEEDED | (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)


class Computer:
    """One with a key of its own, and a file of those it allows."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.key, self.allowed = folder / "key", folder / "allowed"
        self.public = write_secret(self.key)
        self.allowed.touch()

    def keys(self, node: bytes | None = None, rf: bytes | None = None) -> Keys:
        pinned = {"node": node.hex() if node else "", "rf": rf.hex() if rf else ""}
        return read_keys(self.key, allowed=self.allowed, **pinned)


def gets_in(publisher: Socket, keys: Keys) -> bool:
    """Whether a subscriber with these keys hears a message before its handshake is refused."""
    context = Context(Security(keys))
    try:
        with connect_subscriber(
            context, bound_address(publisher), [b"a/"], high_water_mark=4, setting="connect", watched=EVENTS
        ) as subscriber:
            return hears(publisher, subscriber)
    finally:
        context.term()


def hears(publisher: Socket, subscriber: Any) -> bool:
    """Waits until the subscription came or the handshake failed: both are events, no guess at a time."""
    monitor = subscriber.get_monitor_socket(EVENTS)
    try:
        poller = zmq.Poller()
        for socket in (publisher, monitor):
            poller.register(socket, zmq.POLLIN)
        while ready := dict(poller.poll(ARRIVES_MS)):
            if publisher in ready:
                if publisher.recv() != b"\x01a/":
                    continue  # the goodbye of an earlier one
                publisher.send(b"a/secret")
                return bool(subscriber.poll(ARRIVES_MS)) and subscriber.recv() == b"a/secret"
            event = recv_monitor_message(monitor)["event"]
            if event != zmq.EVENT_HANDSHAKE_SUCCEEDED:
                return False
        raise AssertionError("neither a subscription nor a refusal")
    finally:
        subscriber.disable_monitor()
        monitor.close(0)


def unknown(node: Computer) -> Keys:
    """A key that nobody allows, and the node's right one pinned."""
    public, secret = map(z85.decode, zmq.curve_keypair())
    return Keys(public=public, secret=secret, node=node.public, rf=None, allowed=None)


class Crowd:
    """Clients that try to get in at once, in a context of their own."""

    def __init__(self, address: str) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._context.max_sockets = 4096
        self._sockets: list[Any] = []
        self._address = address

    def connect(self, protect: Callable[[Any], None]) -> None:
        socket = self._context.socket(zmq.SUB)
        socket.linger = 0
        socket.reconnect_ivl = -1  # one try each
        socket.subscribe(b"")
        protect(socket)
        socket.connect(self._address)
        self._sockets.append(socket)

    def heard(self) -> int:
        return sum(bool(socket.poll(0)) for socket in self._sockets)

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *error: object) -> None:
        for each in self._sockets:
            each.close(0)
        self._context.term()


def plain(socket: Any) -> None:
    socket.plain_username, socket.plain_password = b"admin", b"admin"


def null(socket: Any) -> None:
    """No security at all."""


def with_keys(keys: Keys) -> Callable[[Any], None]:
    def protect(socket: Any) -> None:
        socket.curve_serverkey = keys.node
        socket.curve_publickey, socket.curve_secretkey = keys.public, keys.secret

    return protect


def failures(monitor: Any, count: int) -> None:
    """Wait for so many handshakes that the server has refused."""
    while count:
        assert monitor.poll(ARRIVES_MS), f"{count} handshakes are still open"
        event = recv_monitor_message(monitor)["event"]
        assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED
        count -= event != zmq.EVENT_DISCONNECTED


def accepted(monitor: Any, count: int) -> None:
    """Wait for so many connections."""
    while count:
        assert monitor.poll(ARRIVES_MS)
        event = recv_monitor_message(monitor)["event"]
        assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED
        count -= event == zmq.EVENT_ACCEPTED


def accepted_and_refused(monitor: Any, count: int) -> None:
    """Wait for so many connections whose end the server has seen to."""
    while count:
        assert monitor.poll(ARRIVES_MS)
        event = recv_monitor_message(monitor)["event"]
        assert event != zmq.EVENT_HANDSHAKE_SUCCEEDED
        count -= event not in (zmq.EVENT_ACCEPTED, zmq.EVENT_DISCONNECTED)


class Tap:
    """Between a client and a server: passes bytes on and records those of the client."""

    def __init__(self, server: str) -> None:
        host, port = server.removeprefix("tcp://").split(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.recorded = b""
        self._thread = threading.Thread(target=self._pass_on)
        self._thread.start()

    def _pass_on(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(self._server) as server:
            while True:
                for end in select.select([client, server], [], [])[0]:
                    data = end.recv(65536)
                    if end is client:
                        self.recorded += data
                    if not data:
                        return
                    (server if end is client else client).sendall(data)

    def send_again(self) -> None:
        assert len(self.recorded) > 500  # a greeting, a handshake and a subscription
        with socket.create_connection(self._server, timeout=0.3) as server, suppress(OSError):
            server.sendall(self.recorded)
            while server.recv(65536):
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join()
