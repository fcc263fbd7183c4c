"""Addresses: the ones that work, and one sentence for each that cannot be meant."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamer.addresses import check_zmq_address
from streamer.curve import Context, Security
from streamer.errors import AddressInUse, ConfigError
from streamer.http import HealthServer
from streamer.sockets import (
    Socket,
    bind_publisher,
    bound_address,
    connect_subscriber,
    open_context,
)

WORKING = ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "tcp://[::1]:0", "tcp://[::1]:*", "tcp://*:0"]
IMPOSSIBLE = {
    "tcp://127.0.0.1:99999": "no port 99999",
    "tcp://[::1]:65536": "no port 65536",
    "tcp://127.0.0.1": "tcp://HOST:PORT",
    "tcp://127.0.0.1:": "tcp://HOST:PORT",
    "tcp://127.0.0.1:-1": "tcp://HOST:PORT",
    "tcp://::1:5560": "brackets",
    "tcp://[::g]:5560": "no IP address",
    "tcp://127.0.0.300:5560": "no IP address",
    "tcp://:5560": "tcp://HOST:PORT",
    "http://127.0.0.1:5560": "tcp://HOST:PORT",
    "127.0.0.1:5560": "tcp://HOST:PORT",
    "": "tcp://HOST:PORT",
    "ipc://": "ipc://PATH",
}


@pytest.fixture
def context() -> Iterator[Context]:
    context = open_context(Security(insecure=True))  # some of the addresses are not loopback
    yield context
    context.term()


def bind(context: Context, address: str) -> Socket:
    return bind_publisher(context, address, high_water_mark=4, setting="output.bind")


def connect(context: Context, address: str) -> Socket:
    return connect_subscriber(context, address, [b"a/"], high_water_mark=4, setting="input.connect")


def carries(context: Context, publisher: Socket, address: str) -> bool:
    """Whether a message goes from the bound socket to one that connects to the address."""
    with connect(context, address) as subscriber:
        assert publisher.poll(20_000), "no subscription came"
        assert publisher.recv() == b"\x01a/"
        publisher.send(b"a/message")
        return bool(subscriber.poll(20_000)) and subscriber.recv() == b"a/message"


@pytest.mark.parametrize("address", WORKING)
def test_a_message_goes_over_ipv4_and_ipv6(context: Context, address: str) -> None:
    with bind(context, address) as publisher:
        at = bound_address(publisher).replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - not bound to it
        assert ("[::1]" in at) == ("[::1]" in address)
        assert carries(context, publisher, at)


@pytest.mark.parametrize(("address", "words"), IMPOSSIBLE.items())
def test_an_impossible_address_names_the_setting_and_the_remedy(
    context: Context, address: str, words: str
) -> None:
    expected = f"= {re.escape(repr(address))}: .*{re.escape(words)}"
    with pytest.raises(ConfigError, match=r"output\.bind " + expected):
        bind(context, address)
    with pytest.raises(ConfigError, match=r"input\.connect " + expected):
        connect(context, address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*"])
def test_a_free_port_cannot_be_connected_to(context: Context, address: str) -> None:
    with pytest.raises(ConfigError, match="from 1 to 65535"):
        connect(context, address)


def test_a_port_in_use_is_named(context: Context) -> None:
    with bind(context, "tcp://127.0.0.1:0") as first:
        taken = bound_address(first)
        with pytest.raises(AddressInUse, match=rf"{taken}.*change output\.bind"):
            bind(context, taken)


def test_ipc_carries_and_a_name_in_use_or_of_a_file_is_refused(context: Context, tmp_path: Path) -> None:
    """libzmq would delete the file, and take the name over from the program that listens there."""
    address = f"ipc://{tmp_path}/link"
    with bind(context, address) as publisher:
        with pytest.raises(AddressInUse, match="another program listens there"):
            bind(context, address)
        assert carries(context, publisher, address)
    file = tmp_path / "notes.txt"
    file.write_text("precious")
    for make in (bind, connect):
        with pytest.raises(ConfigError, match=r"notes\.txt exists and is no socket"):
            make(context, f"ipc://{file}")
    assert file.read_text() == "precious"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="ipc addresses are no files on Windows")
def test_an_ipc_name_that_a_node_gives_up_just_now_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, stat, looks = tmp_path / "link", Path.stat, list[Path]()

    def there_at_the_first_look(path: Path, **options: Any) -> Any:
        if path == name:
            looks.append(path)
            if len(looks) > 1:
                raise FileNotFoundError
        return stat(path, **options)

    with socket.socket(socket.AF_UNIX) as node, monkeypatch.context() as patched:
        node.bind(str(name))
        patched.setattr(Path, "stat", there_at_the_first_look)
        check_zmq_address(f"ipc://{name}", "input.connect")
    assert looks


def test_an_ipc_name_left_behind_by_a_killed_program_is_taken(context: Context, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "link"))
    assert (tmp_path / "link").is_socket()
    with bind(context, f"ipc://{tmp_path}/link") as publisher:
        assert carries(context, publisher, f"ipc://{tmp_path}/link")


def test_health_is_served_over_ipv6() -> None:
    routes: Any = {"/livez": lambda: (200, "text/plain", b"alive\n")}
    server = HealthServer("[::1]:0", routes)
    try:
        host, _, port = server.address.rpartition(":")
        assert host == "[::1]"
        with socket.create_connection(("::1", int(port)), timeout=20) as client:
            client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.0 200"
    finally:
        server.close()
