"""The page over TLS, by a certificate of its own and behind a proxy: token and origin are checked in both."""

import shutil
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.certificates import certificate, tls_proxy, trusting
from tests.tools.web.chromium import page_server
from tests.tools.web.nginx import nginx
from tools.web.server import OPEN_WITHIN

NOBODY = "tcp://127.0.0.1:9"
TOKEN = ("--token", "a-secret-of-the-ward")


@contextmanager
def encrypted(how: str, made: Path, key: Path) -> Iterator[str]:
    """HOST:PORT where the page answers over TLS."""
    if how == "own":
        given = ("--certificate", str(made), "--certificate-key", str(key))
        with page_server(NOBODY, *TOKEN, *given) as address:
            assert address.startswith("https://127.0.0.1:")
            yield address.split("/")[2]
    else:
        through = nginx if how == "nginx" else tls_proxy
        with (
            page_server(NOBODY, *TOKEN) as address,
            through(int(address.split("/")[2].rpartition(":")[2]), made, key) as port,
        ):
            yield f"127.0.0.1:{port}"


def _silent_client(at: str) -> socket.socket:
    """One that connects and sends nothing."""
    return socket.create_connection(("127.0.0.1", int(at.rpartition(":")[2])), 4 * OPEN_WITHIN)


NGINX = pytest.param(
    "nginx",
    marks=[pytest.mark.long, pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")],
)


@pytest.mark.parametrize("how", ["own", "proxy", NGINX])
def test_token_and_origin_are_checked_over_tls(how: str, tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    trusted = trusting(made)
    with encrypted(how, made, key) as at, _silent_client(at) as silent:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"https://{at}/", timeout=20, context=trusted)
        with urllib.request.urlopen(f"https://{at}/?token={TOKEN[1]}", timeout=20, context=trusted) as page:
            assert b"musse-stream" in page.read()
            cookie = page.headers["Set-Cookie"]
        assert ("Secure" in cookie) == (how == "own")
        sent = {"Cookie": cookie.partition(";")[0]}
        wanted = f"wss://{at}/ws"
        with connect(wanted, ssl=trusted, additional_headers=sent, origin=Origin(f"https://{at}")) as link:
            assert isinstance(link.recv(timeout=20), bytes)
        for headers, origin in ((sent, "https://evil.example"), ({}, f"https://{at}")):
            with pytest.raises(InvalidStatus, match="403"):
                connect(wanted, ssl=trusted, additional_headers=headers, origin=Origin(origin))
        with pytest.raises((ssl.SSLError, urllib.error.URLError)):
            urllib.request.urlopen(f"https://{at}/", timeout=20)  # who does not trust the certificate
        if how == "own":
            assert silent.recv(1) == b""  # cut off: it began no handshake
