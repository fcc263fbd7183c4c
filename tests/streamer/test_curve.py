"""Encrypted links: who gets in, who does not, and what the keys' files may look like. Real sockets."""

import dataclasses
import logging
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import pytest
import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from streamer.addresses import is_loopback
from streamer.config_file import load_config
from streamer.curve import Context, Keys, Security, read_keys, write_secret
from streamer.errors import ConfigError
from streamer.sockets import Socket, bind_publisher, bind_server, bound_address, connect_subscriber
from tools.keys import allow_key

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


@pytest.fixture
def node(tmp_path: Path) -> Computer:
    return Computer(tmp_path / "node")


@pytest.fixture
def display(tmp_path: Path, node: Computer) -> Computer:
    """One that the node allows."""
    display = Computer(tmp_path / "display")
    allow_key(display.public.hex(), "ward", node.allowed)
    return display


@pytest.fixture
def publish() -> Iterator[Callable[[Keys], Any]]:
    """Binds a publisher with these keys in a context of its own."""
    with ExitStack() as closing:

        def publisher(keys: Keys) -> Socket:
            context = Context(Security(keys))
            closing.callback(context.term)
            socket = bind_publisher(
                context, LOCAL, high_water_mark=4, setting="output.bind", every_request=True
            )
            closing.callback(socket.close, 0)
            return socket

        yield publisher


def gets_in(publisher: Socket, keys: Keys) -> bool:
    """Whether a subscriber with these keys hears a message before its handshake is refused."""
    context = Context(Security(keys))
    try:
        with connect_subscriber(
            context, bound_address(publisher), [b"a/"], high_water_mark=4, setting="connect", watched=EVENTS
        ) as subscriber:
            return _hears(publisher, subscriber)
    finally:
        context.term()


def _hears(publisher: Socket, subscriber: Any) -> bool:
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


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["unknown", "null", "plain"])
def test_strangers_get_nothing_and_the_allowed_one_does(
    kind: str, count: int, node: Computer, display: Computer, publish: Callable[[Keys], Any]
) -> None:
    publisher = publish(node.keys())
    monitor = publisher.get_monitor_socket(EVENTS)
    try:
        with Crowd(bound_address(publisher)) as crowd:
            for _ in range(count):
                crowd.connect({"null": null, "plain": plain}.get(kind) or with_keys(unknown(node)))
            failures(monitor, count)
            assert not publisher.poll(0), "a subscription of a stranger came through"
            publisher.send(b"a/secret")
            assert crowd.heard() == 0
    finally:
        publisher.disable_monitor()
        monitor.close(0)
    assert gets_in(publisher, display.keys(node=node.public))


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("missing", [True, False])
def test_nobody_gets_in_without_the_authenticator(
    count: int, node: Computer, display: Computer, publish: Callable[[Keys], Any], *, missing: bool
) -> None:
    """Its thread dead, handshakes stay open for ever; its socket gone, they are refused."""
    publisher = publish(node.keys())
    context = publisher.context
    keys = display.keys(node=node.public)
    assert gets_in(publisher, keys)
    authenticator = context.authenticator
    assert authenticator is not None
    assert context.nobody_new() == ""
    thread = authenticator.thread
    authenticator.pipe.send(b"TERMINATE")
    thread.join()
    assert "authenticator has ended" in context.nobody_new()
    if missing:
        authenticator.stop()
    assert publisher.poll(ARRIVES_MS)
    assert publisher.recv() == b"\x00a/", "the goodbye of the one that got in"
    monitor = publisher.get_monitor_socket(zmq.EVENT_ACCEPTED | EVENTS)
    try:
        with Crowd(bound_address(publisher)) as crowd:
            for _ in range(count):
                crowd.connect(with_keys(keys))
            if missing:
                accepted_and_refused(monitor, count)
            else:
                accepted(monitor, count)
            publisher.send(b"a/secret")
            assert [publisher.poll(300), crowd.heard()] == [0, 0]
    finally:
        publisher.disable_monitor()
        monitor.close(0)


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


def test_the_own_key_gets_in_and_others_as_soon_as_they_are_allowed(
    node: Computer, tmp_path: Path, publish: Callable[[Keys], Any]
) -> None:
    publisher = publish(node.keys())
    assert gets_in(publisher, node.keys())
    late = Computer(tmp_path / "late")
    assert not gets_in(publisher, late.keys(node=node.public))
    assert allow_key(late.public.hex(), "late", node.allowed)
    assert gets_in(publisher, late.keys(node=node.public))
    allowed = node.allowed.read_text()
    node.allowed.write_text(f"{allowed}damaged\n")
    assert not gets_in(publisher, late.keys(node=node.public))
    line = len(allowed.splitlines()) + 1
    assert f"{node.allowed}, line {line}: 'damaged' is no public key" in publisher.context.nobody_new()
    node.allowed.write_text(f"\ufeff# as an editor leaves it\n  # kept\n{late.public.hex().upper()}")
    assert gets_in(publisher, late.keys(node=node.public))
    assert publisher.context.nobody_new() == ""


def test_a_subscriber_takes_nothing_from_a_node_with_another_key(
    node: Computer, display: Computer, tmp_path: Path, publish: Callable[[Keys], Any]
) -> None:
    impostor = Computer(tmp_path / "impostor")
    allow_key(display.public.hex(), "", impostor.allowed)
    publisher = publish(impostor.keys())
    assert gets_in(publisher, display.keys(node=impostor.public))
    monitor = publisher.get_monitor_socket(EVENTS)
    try:
        with Crowd(bound_address(publisher)) as crowd:
            crowd.connect(with_keys(display.keys(node=node.public)))
            failures(monitor, 1)
            publisher.send(b"a/false strain")
            assert crowd.heard() == 0
    finally:
        publisher.disable_monitor()
        monitor.close(0)


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0"])
def test_other_computers_are_reached_with_keys_or_on_request_alone(address: str, node: Computer) -> None:
    def bound(security: Security) -> None:
        context = Context(security)
        try:
            bind_publisher(context, address, high_water_mark=4, setting="output.bind").close()
            bind_server(context, address, high_water_mark=4, max_part_bytes=9, setting="keep.bind").close()
        finally:
            context.term()

    with pytest.raises(ConfigError, match=r"output\.bind = .*nothing is encrypted.*--insecure"):
        bound(Security())
    bound(Security(insecure=True))
    bound(Security(node.keys()))


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("tcp://127.0.0.1:5560", True),
        ("tcp://127.9.9.9:5560", True),
        ("tcp://[::1]:5560", True),
        ("tcp://localhost:5560", True),
        ("ipc:///tmp/link", True),
        ("tcp://0.0.0.0:5560", False),
        ("tcp://*:5560", False),
        ("tcp://[::]:5560", False),
        ("tcp://192.168.0.10:5560", False),
        ("tcp://scanner:5560", False),
        ("tcp://localhost.example:5560", False),
    ],
)
def test_loopback_is_told_from_every_other_address(address: str, *, local: bool) -> None:
    assert is_loopback(address) == local


def test_a_key_file_is_its_owners_alone(node: Computer) -> None:
    assert node.key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_secret(node.key)
    for mode in (0o640, 0o604, 0o666):
        node.key.chmod(mode)
        with pytest.raises(ConfigError, match=rf"security\.key: others can read .*{mode:o}.*chmod 600"):
            node.keys()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"ab" * 31, b"xy" * 32, b"ab" * 64])
def test_a_damaged_key_file_is_one_error_without_its_content(node: Computer, content: bytes) -> None:
    node.key.write_bytes(content)
    with pytest.raises(
        ConfigError, match="holds no secret key; make one with `musse-stream keys new`"
    ) as text:
        node.keys()
    assert not content or content.decode("latin-1") not in str(text.value)


def test_a_missing_file_is_named(node: Computer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"security\.allowed: cannot read .*none"):
        read_keys(node.key, allowed=tmp_path / "none", node="", rf="")
    with pytest.raises(ConfigError, match=r"security\.key: cannot read .*none"):
        read_keys(tmp_path / "none", allowed=None, node="", rf="")


def test_the_configuration_refuses_a_wrong_public_key_and_one_without_an_own() -> None:
    with pytest.raises(ConfigError, match="security: 'abc' is no public key"):
        load_config(None, {"security": {"key": "k", "node": "abc"}})
    with pytest.raises(ConfigError, match="security: allowed, node and rf need key"):
        load_config(None, {"security": {"rf": "ab" * 32}})


def test_the_secret_key_is_in_no_log_and_no_text_of_an_object(
    node: Computer, display: Computer, publish: Callable[[Keys], Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    publisher = publish(node.keys())
    assert gets_in(publisher, display.keys(node=node.public))
    assert not gets_in(publisher, unknown(node))
    text = caplog.text + repr(node.keys()) + str(Security(node.keys()))
    assert "zmq.auth" in caplog.text
    assert dataclasses.asdict(node.keys())["public"] == node.public
    for computer in (node, display):
        secret = bytes.fromhex(computer.key.read_text().strip())
        for form in (secret.hex(), z85.encode(secret).decode(), repr(secret)[2:-1]):
            assert form not in text


def test_recorded_ciphertext_that_is_sent_again_is_no_message(
    node: Computer, display: Computer, publish: Callable[[Keys], Any]
) -> None:
    publisher = publish(node.keys())
    with Tap(bound_address(publisher)) as tap:
        context = Context(Security(display.keys(node=node.public)))
        try:
            with connect_subscriber(
                context, tap.address, [b"a/"], high_water_mark=4, setting="connect", watched=EVENTS
            ) as subscriber:
                assert _hears(publisher, subscriber)  # the control: through the tap it works
        finally:
            context.term()
    while publisher.poll(100):
        publisher.recv()  # the goodbye
    tap.send_again()  # to the publisher: what its client sent
    assert not publisher.poll(500)


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
