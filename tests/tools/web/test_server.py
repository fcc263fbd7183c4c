"""Access, requests, and the effect of a hostile or stopped browser."""

import json
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
import zmq
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from streamer.curve import PLAIN
from streamer.errors import ConfigError
from tests.tools.display.display_messages import (
    STRAIN_GRID,
    fused_message,
    received,
    status_message,
    strain_message,
)
from tests.tools.display.synthetic_node import SyntheticNode
from tests.tools.tape.keeper import wait_for
from tests.tools.web.chromium import page_server
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState
from tools.display.view import BmodeImage
from tools.measure.frames import ImageFrame
from tools.measure.offline import of_wire
from tools.measure.regions import parse_regions
from tools.web.access import Access
from tools.web.cine import Cine, CineFrame
from tools.web.client import Client
from tools.web.composer import Composer
from tools.web.feed import Feed
from tools.web.messages import pack

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a token is needed for


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    (length,) = struct.unpack_from("<I", message)
    fields = json.loads(message[4 : 4 + length])
    arrays = {}
    for entry in fields["arrays"]:
        kind = {"f4": np.float32, "u1": np.uint8}[entry["dtype"]]
        start = 4 + length + entry["offset"]
        assert start % 4 == 0
        count = int(np.prod(entry["shape"]))
        arrays[entry["name"]] = np.frombuffer(message, kind, count, start).reshape(entry["shape"])
    return fields, arrays


def ask(socket: ClientConnection, request: dict[str, Any] | str) -> dict[str, Any]:
    """The text reply to a request; binary messages in between are acknowledged."""
    socket.send(request if isinstance(request, str) else json.dumps(request))
    while isinstance(reply := socket.recv(timeout=10), bytes):
        socket.send(json.dumps({"do": "next"}))
    return json.loads(reply)  # type: ignore[no-any-return]


def drain(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=10)


def test_arrays_travel_as_they_are_and_nan_among_the_fields_is_null() -> None:
    values = np.array([[1.5, np.nan], [-np.inf, 0.1]], np.float32)
    fields, arrays = unpack(
        pack({"a": float("nan"), "b": [1.0, float("inf")]}, {"v": values, "i": np.eye(3, dtype=np.uint8)})
    )
    assert (fields["a"], fields["b"]) == (None, [1.0, None])
    np.testing.assert_array_equal(arrays["v"], values)
    np.testing.assert_array_equal(arrays["i"], np.eye(3))


@pytest.mark.parametrize(
    ("host", "token", "path", "headers", "allowed"),
    [
        ("127.0.0.1", None, "/", {"Host": "127.0.0.1:5565"}, True),
        ("127.0.0.1", None, "/", {"Host": "localhost:5565"}, True),
        ("127.0.0.1", None, "/", {"Host": "evil.example:5565"}, False),  # a foreign name for this computer
        ("127.0.0.1", None, "/ws", {"Host": "127.0.0.1:5565", "Origin": "http://evil.example"}, False),
        ("127.0.0.1", None, "/ws", {"Host": "127.0.0.1:5565", "Origin": "http://127.0.0.1:5565"}, True),
        (EVERYWHERE, "secret-token", "/", {"Host": "10.0.0.2:5565"}, False),
        (EVERYWHERE, "secret-token", "/?token=secret-token", {"Host": "10.0.0.2:5565"}, True),
        (EVERYWHERE, "secret-token", "/?token=other", {"Host": "10.0.0.2:5565"}, False),
        (EVERYWHERE, "secret-token", "/ws", {"Host": "10.0.0.2", "Cookie": "musse_token=secret-token"}, True),
    ],
)
def test_who_may_look(
    host: str, token: str | None, path: str, headers: dict[str, str], allowed: bool
) -> None:
    assert (Access.of(host, token).refusal(path, Headers(headers)) is None) == allowed


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", [("Host", "[")]),
        ("/", [("Host", "[zz]")]),
        ("/", [("Host", "127.0.0.1"), ("Host", "127.0.0.1")]),
        ("/", [("Host", "127.0.0.1"), ("Origin", "http://[")]),
        ("/", [("Host", "127.0.0.1"), *[("Origin", "http://127.0.0.1")] * 2]),
        ("//[?token=secret-token", [("Host", "127.0.0.1")]),
    ],
)
def test_a_request_that_is_none_is_refused_like_any_other(path: str, headers: list[tuple[str, str]]) -> None:
    assert Access.of(EVERYWHERE, "secret-token").refusal(path, Headers(headers)) is not None


def test_cookies_that_come_one_by_one_are_all_read() -> None:
    headers = Headers([("Host", "ward"), ("Cookie", "a=b"), ("Cookie", "musse_token=secret-token")])
    assert Access.of(EVERYWHERE, "secret-token").refusal("/ws", headers) is None


@pytest.mark.parametrize(
    "token", ["", " ", "a;b", "a b", "a&b", "a#b", "a%41", "a+b", "\u00fc", "a\nb", 'a"b']
)
def test_a_token_that_would_not_come_back_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="--token: give"):
        Access.of("127.0.0.1", token)


def test_other_addresses_than_loopback_get_a_token_of_their_own() -> None:
    made = Access.of(EVERYWHERE, None).token
    assert made is not None
    assert len(made) >= 20
    assert made != Access.of(EVERYWHERE, None).token
    assert Access.of("::1", None).token is None


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
        with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310
            assert b"musse-stream" in page.read()
            assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "../cli.py", timeout=10)  # noqa: S310
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
        fields, _ = unpack(sockets[1].recv(timeout=10))  # type: ignore[arg-type]  # the others go on
        assert fields["state"]["banner"]["text"] in ("LIVE", "WAITING", "CONNECTED")
        assert idle.recv(1024) == b""  # a silent connection is closed


def test_images_and_the_freeze_go_on_while_a_tape_is_written(served: tuple[str, SlowTape]) -> None:
    address, tape = served
    with connect(address.replace("http", "ws") + "ws", max_size=None) as page:

        def image_where(fulfilled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
            while True:
                message = page.recv(timeout=10)
                page.send('{"do": "next"}')
                if isinstance(message, bytes):
                    state: dict[str, Any] = unpack(message)[0]["state"]
                    if fulfilled(state):
                        return state

        first = image_where(lambda state: state["frame"] is not None and state["cine"]["kept"])
        page.send('{"do": "keep"}')
        assert tape.saving.wait(10)
        try:
            image_where(lambda state: state["frame"] > first["frame"] + 5)
            page.send('{"do": "freeze"}')
            image_where(lambda state: state["frozen"] is not None)
        finally:
            tape.written.set()
        assert "a.mcap" in ask(page, {"do": "live"})["kept"]


def frame(number: int, **changes: Any) -> CineFrame:
    from tests.tools.measure.test_measure import image

    made: ImageFrame = image(frame_index=number, time=number / 10, **changes)
    return CineFrame(number, made)


def test_the_cine_forgets_the_oldest_unless_it_is_pinned() -> None:
    one = frame(0).image.nbytes
    cine = Cine(limit=10 * one)
    for number in range(30):
        cine.append(frame(number))
    assert [f.number for f in cine] == list(range(20, 30))
    assert cine.get(3) is not None
    assert cine.get(3).number == 20  # type: ignore[union-attr]
    cine.pin("me")
    for number in range(30, 35):
        cine.append(frame(number))
    assert ([f.number for f in cine], cine.not_held) == (list(range(20, 30)), 5)
    assert cine.newest is not None
    assert cine.newest.number == 34  # a live page shows it although it has no room
    cine.complete(BmodeImage(np.full((50, 20), 7, np.uint8), STRAIN_GRID, 60.0, ("s", 34), 3.0))
    assert cine.newest.image.bmode is not None
    assert cine.newest.image.bmode[0, 0] == 7
    cine.unpin("me")
    assert cine.not_held == 0
    cine.append(frame(35))
    assert [f.number for f in cine][-1] == 35
    assert len(cine) == 10


def test_beside_a_freeze_that_fills_the_memory_a_live_page_shows_and_measures_the_newest_image() -> None:
    cine = Cine(limit=10 * frame(0).image.nbytes)
    feed = SimpleNamespace(cine=cine, late=lambda: False)
    frozen, live = Client(feed), Client(feed)  # type: ignore[arg-type]
    live.regions = parse_regions(
        '{"a": {"x": 0, "z": 15, "width": 5, "height": 5}, "b": {"x": 8, "z": 15, "width": 5, "height": 5}}'
    )
    pressed = [frame(number, strain=0.006 if number % 2 else -0.006) for number in range(89)]
    for one in pressed[:10]:
        cine.append(one)
    frozen.freeze()
    for one in pressed[10:]:
        cine.append(one)
    found = live.measurement()
    assert found is not None
    assert found[0].frame_index == 88
    assert len(found[1].values) == 1  # those of 8 s ago are no presses of the last 5 s
    live.freeze()
    assert live.shown is not None
    assert live.shown.number == 88
    assert frozen.shown is not None
    assert frozen.shown.number == 9


def test_after_a_sleep_of_the_computer_images_are_old_and_times_of_day_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asleep = 0.0
    wall, counting = time.time, time.clock_gettime
    monkeypatch.setattr(time, "time", lambda: wall() + asleep)
    monkeypatch.setattr(time, "clock_gettime", lambda kind: counting(kind) + asleep)
    with SyntheticNode(fused=True, rate=20.0) as node:
        feed = Feed(node.address, None, lambda: None, PLAIN)
        feed.start()
        try:
            wait_for(lambda: len(feed.cine) > 3 or None)
            node.silent.set()
            wait_for(lambda: feed.late() or None)
            before, asleep = len(feed.cine), 3600.0
            with feed.lock:
                age = feed.view().ages.strain.seconds
            assert age == pytest.approx(3600, abs=10)
            node.silent.clear()
            wait_for(lambda: len(feed.cine) not in (0, before) or None)
            newest = feed.cine.newest
            assert newest is not None
            assert newest.image.time == pytest.approx(time.time(), abs=5)
        finally:
            feed.stop()


def test_a_frozen_image_keeps_its_own_source_engine_and_assumptions_beside_another_source() -> None:
    state = DisplayState(DisplayOptions(), address="tcp://127.0.0.1:1", now=0.0)
    strain, fused = strain_message(device="cpu"), fused_message()
    state.update(received(status_message(), strain, fused), 0.1)
    cine, now = Cine(), 0.2
    image = of_wire((strain, fused), 0.1)
    assert image is not None
    cine.append(CineFrame(1, image))
    feed = SimpleNamespace(
        cine=cine, view=lambda: state.view(now), unix_now=lambda: now, late=lambda: False,
        tape_seconds=None, recording=False,
    )  # fmt: skip
    client = Client(feed)  # type: ignore[arg-type]
    client.freeze()
    while state.link.source == "arm":  # another scanner, whose first frame has not come
        now += 0.2
        state.update(received(status_message(source_id="leg", engine="onnx")), now)
        assert now < 5
    shown = unpack(Composer(client, feed).next_message())[0]["state"]  # type: ignore[arg-type]
    assert (shown["source"], shown["others"]) == ("arm", ["leg"])
    assert shown["engine"] == "reference (float32, cpu)"
    assert "engine reference (float32, cpu)" in shown["status"]
    assert shown["assumed"] == ["sound_speed: 1540 m/s by default"]
    assert shown["waiting"] == []  # nothing covers the image
    client.live()
    assert unpack(Composer(client, feed).next_message())[0]["state"]["source"] == "leg"  # type: ignore[arg-type]


def test_a_frozen_trace_breaks_where_pairs_were_rejected() -> None:
    cine = Cine()
    numbers = [*range(8), *range(11, 16)]  # rejected at the turning point of the hand
    for number in numbers:
        cine.append(frame(number))
    client = Client(SimpleNamespace(cine=cine))  # type: ignore[arg-type]
    trace = client.trace_before(frame(15), now=100.0)
    assert [point.after_gap for point in trace] == [number == 11 for number in numbers]


def test_a_bmode_that_comes_after_its_image_is_put_to_it() -> None:
    cine = Cine()
    for number in range(3):
        cine.append(frame(number, bmode=None))
    own = BmodeImage(np.full((50, 20), 7, np.uint8), STRAIN_GRID, 60.0, ("s", 1), 3.0)
    cine.complete(own)
    cine.complete(replace(own, frame=("s", 9)))
    images = [f.image.bmode for f in cine]
    assert (images[0], images[2]) == (None, None)
    np.testing.assert_array_equal(images[1], own.image)


def test_a_node_without_fusion_is_shown_by_its_single_pairs() -> None:
    with SyntheticNode(steady=True) as node, page_server(node.address) as address:
        with connect(address.replace("http", "ws") + "ws", max_size=None) as page:
            for _ in range(200):
                fields, arrays = unpack(page.recv(timeout=10))  # type: ignore[arg-type]
                page.send(json.dumps({"do": "next"}))
                if "value" in arrays:
                    break
            assert "nothing to save" in ask(page, {"do": "keep"})["error"]  # no tape process here
        assert np.nanmedian(arrays["value"]) == pytest.approx(1.0, abs=0.1)
        assert (fields["state"]["pairs"], fields["state"]["strain_grey"]) == (1.0, False)
