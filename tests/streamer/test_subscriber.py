"""The newest-message subscriber: its messages, its counters, and faults that it survives."""

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import numpy as np
import pytest
import zmq

from streamer import link
from streamer import subscriber as module
from streamer.errors import ConfigError
from streamer.headers import ArrayEntry, BmodeHeader, Grid, StatusHeader, StrainHeader
from streamer.sockets import connect_subscriber
from streamer.subscriber import Received, Subscriber
from streamer.wire import encode

GRID = Grid(axial_start=0.0, axial_step=1e-4, lateral_start=0.0, lateral_step=3e-4, probe_type="linear")
Parts = list[bytes | memoryview]
PATIENCE = 20.0  # s, far beyond what any step takes on a busy machine


def strain(post_index: int, source: str = "arm") -> Parts:
    arrays = [np.full((4, 3), post_index, np.float32), np.ones((4, 3), np.float32)]
    entries = tuple(ArrayEntry(name=n, dtype="<f4", shape=(4, 3)) for n in ("axial_strain", "strain_std"))
    header = StrainHeader(
        source_id=source, session_id="s", arrays=entries, pre_index=0, post_index=post_index, grid=GRID,
        interval=0.04, mean_strain=-0.01, quality=0.9, predicted_snre=5.0, median_ncc=0.98, lateral_motion=0,
        rejection=None, region=None, state_epoch=0, state_age=0, engine="trivial", precision="float32",
        model_hash=None, axial_window=2e-3, lateral_window=1e-3, stage_seconds={}, assumed=(),
    )  # fmt: skip
    return encode("strain", header, arrays)


def bmode(frame_index: int) -> Parts:
    header = BmodeHeader(
        source_id="arm", session_id="s", frame_index=frame_index, grid=GRID, dynamic_range_db=60, assumed=(),
        arrays=(ArrayEntry(name="bmode", dtype="|u1", shape=(4, 3)),),
    )  # fmt: skip
    return encode("bmode", header, [np.zeros((4, 3), np.uint8)])


def status(received: int = 0) -> Parts:
    header = StatusHeader(
        source_id="arm", state="LIVE", reasons=(), engine="trivial", engine_note="", pairing="sequential",
        policy="every", frame_rate=None, frame_age=None, received=received, refused={}, lost=0, overwritten=0,
        published_valid=0, published_no_value=0, in_flight=0, latency_p50=None, latency_p99=None,
        status_interval=0.2,
    )  # fmt: skip
    return encode("status", header)


class Queue:
    """Stands in for the link: everything is already there when poll looks."""

    refusal = ""

    def __init__(self, messages: list[Parts]) -> None:
        self.messages = deque(messages)

    def wait(self, seconds: float) -> bool:
        return bool(self.messages)

    def receive(self) -> Parts:
        if not self.messages:
            raise zmq.Again
        return [bytes(part) for part in self.messages.popleft()]

    def close(self) -> None: ...


@contextmanager
def queued(messages: list[Parts]) -> Iterator[Subscriber]:
    with Subscriber("tcp://127.0.0.1:9") as subscriber:
        real, subscriber._link = subscriber._link, Queue(messages)  # type: ignore[assignment]
        yield subscriber
        subscriber._link = real


@contextmanager
def publisher() -> Iterator[tuple[zmq.Socket[bytes], str]]:
    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    try:
        yield socket, f"tcp://127.0.0.1:{port}"
    finally:
        socket.close()
        context.term()


def wait_for_subscriptions(socket: zmq.Socket[bytes], number: int) -> list[bytes]:
    seen = []
    for _ in range(number):
        assert socket.poll(int(PATIENCE * 1000)), "the subscriber did not come"
        seen.append(socket.recv())
    return seen


def poll_until(subscriber: Subscriber, found: Callable[[Received], Any]) -> Received:
    end = monotonic() + PATIENCE
    while monotonic() < end:
        received = subscriber.poll(0.05)
        if found(received):
            return received
    raise AssertionError("the message did not come in time")


def newest_pairs(received: Received) -> list[tuple[str, int]]:
    """Source and last frame of the strain messages handed out, in order."""
    pairs = []
    for message in received.messages:
        assert isinstance(message.header, StrainHeader)
        pairs.append((message.header.source_id, message.header.post_index))
    return pairs


def newest_status(received: Received) -> StatusHeader:
    """The first header handed out, which has to be one of status."""
    header = received.messages[0].header
    assert isinstance(header, StatusHeader)
    return header


def test_only_the_newest_of_each_kind_is_handed_out_and_every_strain_header() -> None:
    with queued([strain(1), bmode(1), strain(2), status(), bmode(2), strain(3)]) as subscriber:
        received = subscriber.poll()
    kinds = [type(message.header).__name__ for message in received.messages]
    assert kinds == ["StatusHeader", "BmodeHeader", "StrainHeader"]
    newest = received.messages[-1]
    assert isinstance(newest.header, StrainHeader)
    assert newest.header.post_index == 3
    assert newest.arrays["axial_strain"][0, 0] == 3
    assert [header.post_index for header in received.strain_headers] == [1, 2, 3]
    assert subscriber.skipped == {"strain": 2, "bmode": 1, "status": 0}


def test_two_sources_do_not_hide_each_other() -> None:
    with queued([strain(1, "arm"), strain(7, "leg"), strain(2, "arm")]) as subscriber:
        received = subscriber.poll()
    assert newest_pairs(received) == [("leg", 7), ("arm", 2)]


def test_a_bad_message_is_counted_and_the_good_one_before_it_stays() -> None:
    truncated = strain(3)
    truncated[2] = bytes(truncated[2])[:-4]
    messages: list[Parts] = [strain(1), strain(2), truncated, [b"strain/arm/", b"\xc1"], [b"alone"]]
    with queued(messages) as subscriber:
        received = subscriber.poll()
    assert newest_pairs(received) == [("arm", 2)]
    assert subscriber.refused == {"wrong_size": 1, "malformed": 2}
    assert subscriber.last_refusal is not None
    assert "malformed" in subscriber.last_refusal


def test_a_poll_ends_although_messages_keep_coming() -> None:
    with queued([status(n) for n in range(module._MAX_DRAIN + 5)]) as subscriber:
        assert len(subscriber.poll().messages) == 1
        assert subscriber.skipped["status"] == module._MAX_DRAIN - 1
        assert newest_status(subscriber.poll()).received == module._MAX_DRAIN + 4


def test_an_empty_poll_hands_out_nothing() -> None:
    with queued([]) as subscriber:
        assert subscriber.poll(0.0) == Received([], [])


def test_arrays_come_through_a_real_socket_and_are_read_only() -> None:
    with publisher() as (socket, address), Subscriber(address) as subscriber:
        assert sorted(wait_for_subscriptions(socket, 4)) == [
            b"\x01bmode/",
            b"\x01fused/",
            b"\x01status/",
            b"\x01strain/",
        ]
        socket.send_multipart(strain(5))
        message = poll_until(subscriber, lambda r: r.messages).messages[0]
    np.testing.assert_array_equal(message.arrays["axial_strain"], np.full((4, 3), 5, np.float32))
    assert not message.arrays["axial_strain"].flags.writeable


def test_a_named_source_is_not_mistaken_for_one_that_begins_alike() -> None:
    with publisher() as (socket, address), Subscriber(address, ("strain",), source="arm") as subscriber:
        wait_for_subscriptions(socket, 1)
        socket.send_multipart(strain(1, "arm2"))
        socket.send_multipart(strain(2, "arm"))
        received = poll_until(subscriber, lambda r: r.messages)
    assert [message.header.source_id for message in received.messages] == ["arm"]


def test_every_message_of_a_burst_is_handed_out_or_counted() -> None:
    with publisher() as (socket, address), Subscriber(address, ("strain",)) as subscriber:
        wait_for_subscriptions(socket, 1)
        for index in range(60):
            socket.send_multipart(strain(index))
        handed = 0
        headers: list[int] = []
        while not headers or headers[-1] != 59:
            received = poll_until(subscriber, lambda r: r.messages)
            handed += len(received.messages)
            headers += [header.post_index for header in received.strain_headers]
        assert headers == list(range(60))
        assert handed + subscriber.skipped["strain"] == 60


def bind_when_free(socket: zmq.Socket[bytes], address: str) -> None:
    """The operating system may hold the port of a closed socket for a moment."""
    end = monotonic() + PATIENCE
    while True:
        try:
            socket.bind(address)
        except zmq.ZMQError:
            if monotonic() > end:
                raise
        else:
            return


def test_a_restarted_publisher_is_found_again() -> None:
    with publisher() as (first, address), Subscriber(address, ("status",)) as subscriber:
        wait_for_subscriptions(first, 1)
        first.send_multipart(status(1))
        poll_until(subscriber, lambda r: r.messages)
        first.unbind(address)  # unlike close, it lets go of the port before it returns
        first.close()
        context = zmq.Context()
        second = context.socket(zmq.XPUB)
        second.setsockopt(zmq.LINGER, 0)
        bind_when_free(second, address)
        # libzmq renews the subscription inside the subscriber's own calls, so it has to poll meanwhile.
        poll_until(subscriber, lambda _: second.poll(0))
        second.send_multipart(status(2))
        assert newest_status(poll_until(subscriber, lambda r: r.messages)).received == 2
        second.close()
        context.term()


@pytest.mark.parametrize("renew", [True, False])
def test_good_results_come_again_after_an_oversize_message(
    monkeypatch: pytest.MonkeyPatch, renew: bool
) -> None:
    """libzmq cuts the subscriber off for good: without a new socket (negative control) nothing comes."""

    def limited(*given: Any, **options: Any) -> zmq.Socket[bytes]:
        return connect_subscriber(*given, **options | {"max_part_bytes": 4096})

    monkeypatch.setattr(link, "connect_subscriber", limited)
    if not renew:
        monkeypatch.setattr(link, "RESET_PAUSE", 1e9)
    with publisher() as (socket, address), Subscriber(address, ("status",)) as subscriber:
        wait_for_subscriptions(socket, 1)
        socket.send_multipart([b"status/arm/", bytes(8192)])
        end, came = monotonic() + (PATIENCE if renew else 1.0), False
        while not came and monotonic() < end:
            socket.send_multipart(status(3))
            came = bool(subscriber.poll(0.05).messages)
        assert came == renew


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1", "tcp://127.0.0.1:none", ""])
def test_an_impossible_address_is_named_with_an_example(address: str) -> None:
    with pytest.raises(ConfigError, match=r"tcp://HOST:PORT") as caught:
        Subscriber(address)
    assert repr(address) in str(caught.value)


PAUSING_VIEWER = """
import time, zmq
from streamer.subscriber import Subscriber
context = zmq.Context()
link = context.socket(zmq.XPUB)
link.bind("tcp://127.0.0.1:*")
with Subscriber(link.getsockopt_string(zmq.LAST_ENDPOINT), ("status",)) as viewer:
    link.recv()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:  # the viewer does not poll meanwhile, and its queue is full
        link.send_multipart([b"status/arm/", bytes(200_000)])
        time.sleep(0.002)
    for _ in range(20):
        viewer.poll(0.05)
link.close(0)
context.term()
"""


def test_a_viewer_that_pauses_with_a_full_queue_lives() -> None:
    """With ZeroMQ's heartbeats on, libzmq 4.3.5 aborted this very process: exit code -6."""
    ended = subprocess.run(
        [sys.executable, "-c", PAUSING_VIEWER], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
