"""Requests, and the effect of a hostile or stopped browser."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
import pytest
import zmq
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.tools.display.synthetic_node import SyntheticNode
from tests.tools.web.chromium import page_server
from tests.tools.web.page_link import ask, drain, unpack
from tools.web.messages import pack


def test_arrays_travel_as_they_are_and_nan_among_the_fields_is_null() -> None:
    values = np.array([[1.5, np.nan], [-np.inf, 0.1]], np.float32)
    fields, arrays = unpack(
        pack({"a": float("nan"), "b": [1.0, float("inf")]}, {"v": values, "i": np.eye(3, dtype=np.uint8)})
    )
    assert (fields["a"], fields["b"]) == (None, [1.0, None])
    np.testing.assert_array_equal(arrays["v"], values)
    np.testing.assert_array_equal(arrays["i"], np.eye(3))


class SlowTape:
    """A tape process whose tape is complete once `written` is set."""

    def __init__(self) -> None:
        self.saving, self.written = threading.Event(), threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self.address = f"tcp://127.0.0.1:{self._socket.bind_to_random_port('tcp://127.0.0.1')}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        asked: list[list[bytes]] = []
        while not self._ended.is_set():
            if self._socket.poll(20):
                *route, request = self._socket.recv_multipart()
                if json.loads(request)["do"] == "keep":
                    asked.append(route)
                    self.saving.set()
                else:
                    self._socket.send_multipart([*route, b'{"ok": true, "seconds": 30.0, "frames": []}'])
            while asked and self.written.is_set():
                saved = b'{"ok": true, "path": "/t/a.mcap", "bytes": 1, "messages": 1, "seconds": 20.0}'
                self._socket.send_multipart([*asked.pop(), saved])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close(0)
        self._context.term()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, SlowTape]]:
    """The address of a page, and the tape process beside it."""
    with (
        SyntheticNode(fused=True) as node,
        SlowTape() as tape,
        page_server(node.address, "--keep", tape.address) as address,
    ):
        yield address, tape


def test_page_socket_requests_and_limits(served: tuple[str, SlowTape]) -> None:
    address, _ = served
    with ExitStack() as opened:
        with urllib.request.urlopen(address, timeout=30) as page:  # noqa: S310
            assert b"musse-stream" in page.read()
            assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "../cli.py", timeout=30)  # noqa: S310
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), 10) as head:
            head.sendall(b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = b"".join(iter(lambda: head.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"\r\n\r\n")
        idle = opened.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        idle.sendall(b"GET / HTTP/1.1\r\nHost:")
        url = address.replace("http", "ws") + "ws"
        with pytest.raises(InvalidStatus, match="403"):
            opened.enter_context(connect(url, origin=Origin("http://evil.example")))
        sockets = [opened.enter_context(connect(url, max_size=None)) for _ in range(4)]
        first = sockets[0]
        with pytest.raises(InvalidStatus, match="503"):
            opened.enter_context(connect(url))
        for wrong in (
            "{",
            "[]",
            '{"do": "format disk"}',
            '{"do": "freeze", "number": -1}',
            '{"do": "options", "opacity": 7}',
        ):
            assert "error" in ask(first, wrong), wrong
        assert "freeze an image first" in ask(first, {"do": "row"})["error"]
        first.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            drain(first)
        fields, _ = unpack(sockets[1].recv(timeout=30))  # type: ignore[arg-type]  # the others go on
        assert fields["state"]["banner"]["text"] in ("LIVE", "WAITING", "CONNECTED")
        assert idle.recv(1024) == b""  # a silent connection is closed


def test_images_and_the_freeze_go_on_while_a_tape_is_written(served: tuple[str, SlowTape]) -> None:
    address, tape = served
    with connect(address.replace("http", "ws") + "ws", max_size=None) as page:

        def image_where(fulfilled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
            while True:
                message = page.recv(timeout=30)
                page.send('{"do": "next"}')
                if isinstance(message, bytes):
                    state: dict[str, Any] = unpack(message)[0]["state"]
                    if fulfilled(state):
                        return state

        first = image_where(lambda state: state["frame"] is not None and state["cine"]["kept"])
        page.send('{"do": "keep"}')
        assert tape.saving.wait(30)
        try:
            image_where(lambda state: state["frame"] > first["frame"] + 5)
            page.send('{"do": "freeze"}')
            image_where(lambda state: state["frozen"] is not None)
        finally:
            tape.written.set()
        assert "a.mcap" in ask(page, {"do": "live"})["kept"]


def test_a_node_without_fusion_is_shown_by_its_single_pairs() -> None:
    with SyntheticNode(steady=True) as node, page_server(node.address) as address:
        with connect(address.replace("http", "ws") + "ws", max_size=None) as page:
            for _ in range(200):
                fields, arrays = unpack(page.recv(timeout=30))  # type: ignore[arg-type]
                page.send(json.dumps({"do": "next"}))
                if "value" in arrays:
                    break
            assert "nothing to save" in ask(page, {"do": "keep"})["error"]  # no tape process here
        assert np.nanmedian(arrays["value"]) == pytest.approx(1.0, abs=0.1)
        assert (fields["state"]["pairs"], fields["state"]["strain_grey"]) == (1.0, False)
