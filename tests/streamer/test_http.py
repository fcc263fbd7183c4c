"""Health over HTTP: few connections, no client can keep another out."""

import contextlib
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.errors import AddressInUse, ConfigError
from streamer.http import LONGEST, MAX_CONNECTIONS, TIMEOUT, HealthServer
from streamer.tls import server_tls
from tests.certificates import certificate, encrypted_key, trusting


@contextlib.contextmanager
def server(tls: ssl.SSLContext | None = None) -> Iterator[HealthServer]:
    running = HealthServer("127.0.0.1:0", {"/livez": lambda: (200, "text/plain", b"alive\n")}, tls)
    try:
        yield running
    finally:
        running.close()


def connect(running: HealthServer) -> socket.socket:
    host, _, port = running.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def get(running: HealthServer, path: str = "/livez") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://{running.address}{path}", timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_answers_known_paths_and_lists_them_for_others() -> None:
    with server() as running:
        assert get(running) == (200, b"alive\n")
        assert get(running, "/livez?verbose=1") == (200, b"alive\n")
        assert get(running, "/../etc/passwd") == (404, b"try /livez\n")


def test_head_is_answered_without_a_body() -> None:
    with server() as running, connect(running) as client:
        client.sendall(b"HEAD /livez HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.0 200")
    assert b"Content-Length: 6" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_request_too_many_ends_the_oldest_and_only_that() -> None:
    with server() as running, contextlib.ExitStack() as closing:
        opened = [closing.enter_context(connect(running)) for _ in range(MAX_CONNECTIONS)]
        for connection in opened:
            connection.sendall(b"GET /li")
        assert get(running)[0] == 200
        assert opened[0].recv(1) == b""  # hung up on
        opened[-1].sendall(b"vez HTTP/1.0\r\n\r\n")
        assert opened[-1].recv(12) == b"HTTP/1.0 200"


def test_a_silent_client_is_disconnected_in_time() -> None:
    with server() as running, connect(running) as idle:
        begun = time.monotonic()
        assert idle.recv(1) == b""
        assert time.monotonic() - begun < 15


def test_a_client_that_sends_a_byte_now_and_then_is_disconnected_in_time() -> None:
    with server() as running, connect(running) as slow:
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            slow.sendall(b"GET /livez HTTP/1.0\r\n")
            while time.monotonic() - begun < 4 * LONGEST:
                slow.sendall(b"X-A: b\r\n")
                time.sleep(TIMEOUT / 2)
        assert time.monotonic() - begun < 3 * LONGEST


@pytest.mark.parametrize(
    "rubbish", [b"\xff\x00\r\n\r\n", b"GET\r\n\r\n", b"POST /livez HTTP/1.0\r\n\r\n", b"A" * 99_999]
)
def test_rubbish_is_no_reason_to_stop(rubbish: bytes) -> None:
    with server() as running:
        with connect(running) as client, contextlib.suppress(OSError):
            client.sendall(rubbish)
            client.shutdown(socket.SHUT_WR)
            client.recv(100)
        assert get(running)[0] == 200


def test_a_route_that_fails_costs_one_answer() -> None:
    def broken() -> tuple[int, str, bytes]:
        raise ValueError("as the test wants it")

    running = HealthServer("127.0.0.1:0", {"/broken": broken, "/livez": lambda: (200, "text/plain", b"")})
    try:
        with pytest.raises(OSError):  # noqa: PT011 - the library's choice among connection errors
            get(running, "/broken")
        assert get(running)[0] == 200
    finally:
        running.close()


@pytest.mark.alone
def test_closing_does_not_wait_for_clients() -> None:
    with contextlib.ExitStack() as closing:
        with server() as running:
            opened = [closing.enter_context(connect(running)) for _ in range(3)]
            get(running)
            begun = time.monotonic()
        assert time.monotonic() - begun < 1.0
        assert [connection.recv(1) for connection in opened] == [b""] * 3


def test_a_port_in_use_is_named_and_one_just_left_can_be_taken_again() -> None:
    with server() as running:
        with pytest.raises(AddressInUse, match=rf"{running.address}.*http\.bind"):
            HealthServer(running.address, {})
        get(running)  # the server's end of this connection lingers in TIME_WAIT
    HealthServer(running.address, {}).close()


@pytest.mark.parametrize("bind", ["", "5562", "127.0.0.1:", ":5562", "127.0.0.1:http", "::1:5562"])
def test_an_address_that_is_none_is_refused_with_an_example(bind: str) -> None:
    with pytest.raises(ConfigError, match=r"must be host:port, such as 127\.0\.0\.1:5562"):
        HealthServer(bind, {})


def test_a_port_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"http\.bind = '127\.0\.0\.1:65536': there is no port 65536"):
        HealthServer("127.0.0.1:65536", {})


def test_with_a_certificate_only_tls_is_answered_and_no_silent_client_is_waited_for(tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    trusted = trusting(made)
    with server(server_tls(str(made), str(key))) as running, contextlib.ExitStack() as closing:
        silent = [closing.enter_context(connect(running)) for _ in range(MAX_CONNECTIONS - 1)]
        for _ in range(2):
            with urllib.request.urlopen(
                f"https://{running.address}/livez", timeout=20, context=trusted
            ) as answer:
                assert (answer.status, answer.read()) == (200, b"alive\n")
        with pytest.raises(OSError):  # noqa: PT011 - the library's choice among connection errors
            get(running)
        assert [idle.recv(1) for idle in silent] == [b""] * len(silent)


def test_files_that_make_no_tls_are_named_and_nobody_is_asked_for_a_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        server_tls(str(tmp_path / "certificate.pem"), "")
    made, key = map(str, certificate(tmp_path))
    wrong = "they are no certificate and its unencrypted key, in PEM"
    with pytest.raises(ConfigError, match=wrong):
        server_tls(made, made)
    with pytest.raises(ConfigError, match=wrong):
        server_tls(str(Path(__file__)), key)
    encrypted_key(Path(key))
    with pytest.raises(ConfigError, match=wrong):
        server_tls(made, key)


def test_a_key_without_a_certificate_is_a_mistake_and_neither_is_plain_http() -> None:
    with pytest.raises(ConfigError, match="needs its certificate"):
        server_tls("", "key.pem")
    assert server_tls("", "") is None
