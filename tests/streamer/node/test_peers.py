"""Peers that misbehave: displays that never read, floods of requests, clients that hold connections, senders
that come and go."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
import zmq

from tests.echo_frames import STRAIN, cycle
from tests.root import ROOT
from tests.streamer.node.node_harness import PATIENCE, Scanner, Setup

HTTP = {"bind": "127.0.0.1:0"}


def test_a_display_that_never_reads_costs_others_nothing(setup: Setup) -> None:
    node, listener = setup.start(output={"high_water_mark": 2})
    context = zmq.Context()
    stalled = context.socket(zmq.SUB)
    stalled.rcvhwm = 1
    stalled.setsockopt(zmq.RCVBUF, 4096)
    stalled.subscribe(b"")
    stalled.connect(node.results)
    assert stalled.poll(int(PATIENCE * 1000))  # it is there, and from now on it does not read
    frames, shape = 100, (512, 256)  # 13 MB of B-mode, far beyond what buffers hold
    samples = [np.tile(cycle(index), (1, 16)) for index in range(6)]
    for index in range(frames):
        setup.scanner.send(index, samples[index % 6], shape=shape)
        listener.strain_of(index)
    images = 0
    while stalled.poll(0):
        images += stalled.recv_multipart()[0].startswith(b"bmode/")
    stalled.close(0)
    context.term()
    assert [header.post_index for header in listener.strain_headers] == list(range(frames))
    assert images < frames  # the control: it was stalled indeed
    setup.settle(listener)


def test_rubbish_on_the_results_socket_is_survived(setup: Setup) -> None:
    node, listener = setup.start()
    context = zmq.Context()
    peer = context.socket(zmq.XSUB)
    peer.linger = 1000
    peer.connect(node.results)
    peer.send(b"\x01status/")
    assert peer.poll(int(PATIENCE * 1000))
    peer.send(b"")
    peer.send_multipart([b"\x07", b"", b"\x01"])
    for number in range(5000):
        peer.send(b"\x01" + str(number).encode())
    setup.scanner.send_all(range(10))
    setup.settle(listener)
    assert len(listener.strain) == 10
    peer.close()
    context.term()


def test_a_request_of_a_megabyte_cuts_its_sender_off(setup: Setup) -> None:
    node, listener = setup.start()
    context = zmq.Context()
    peer = context.socket(zmq.XSUB)
    monitor = peer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    peer.connect(node.results)
    peer.send(b"\x07" + bytes(2**20))  # not \x01: a topic that long exhausts the stack of the peer itself
    cut_off = monitor.poll(int(PATIENCE * 1000))
    peer.disable_monitor()
    monitor.close(0)
    peer.close(0)
    context.term()
    assert cut_off
    setup.scanner.send_all([0, 1])
    setup.settle(listener)


def test_a_node_answers_on_all_its_paths(setup: Setup) -> None:
    node, listener = setup.start(http=HTTP)
    assert node.get("/livez") == (200, "alive\n")
    status, text = node.get("/readyz")
    assert (status, text.splitlines()[0]) == (503, "WAITING")
    assert "no RF frame has come from tcp://127.0.0.1:" in text
    setup.scanner.send_all([0, 1, 1])
    setup.settle(listener)
    status, page = node.get("/metrics?name[]=x")
    assert status == 200
    for line in (
        "musse_frames_received_total 3.0",
        'musse_frames_refused_total{reason="duplicate"} 1.0',
        'musse_results_published_total{valid="true"} 1.0',
        'musse_results_published_total{valid="false"} 1.0',
        'musse_pairs_rejected_total{reason="first"} 1.0',
        'musse_engine_info{device="cpu",engine="trivial",precision="float32"} 1.0',
        "musse_frame_to_strain_seconds_count 2.0",
    ):
        assert line in page.splitlines()
    assert node.get("/nothing") == (404, "try /metrics, /livez, /readyz\n")


@contextlib.contextmanager
def connections(address: str, number: int) -> Iterator[list[socket.socket]]:
    host, _, port = address.rpartition(":")
    with contextlib.ExitStack() as closing:
        yield [
            closing.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE))
            for _ in range(number)
        ]


def test_clients_that_hold_connections_do_not_keep_a_probe_out(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.http.TIMEOUT", 10 * PATIENCE)  # none of them times out while it is asked
    node, _ = setup.start(http=HTTP)
    assert node.http is not None
    with connections(node.http, 20) as open_connections:
        for connection in open_connections:
            with contextlib.suppress(OSError):  # the older ones are hung up on already
                connection.sendall(b"GET /livez HT")
        assert node.get("/livez")[0] == 200


def test_a_node_that_was_scraped_can_restart_at_once_on_its_port(setup: Setup) -> None:
    node, _ = setup.start(http=HTTP)
    node.get("/metrics")
    setup.finish()
    again, _ = setup.start(http={"bind": str(node.http)})
    assert again.http == node.http
    assert again.get("/livez")[0] == 200


SENDER = """
import sys
from tests.streamer.node.node_harness import Scanner
scanner = Scanner(sys.argv[1])
print(scanner.address, flush=True)
scanner.wait_for_node()
print("connected", flush=True)
index = 0
while True:
    scanner.send(index, session_id=sys.argv[2])
    index += 1
    if sys.stdin.readline() == "":
        break
"""


@contextlib.contextmanager
def sender(address: str, session: str) -> "Iterator[subprocess.Popen[str]]":
    """A scanner bridge as a process of its own, which sends a frame for every line on its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-c", SENDER, address, session],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def told(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def more(process: "subprocess.Popen[str]", lines: int) -> None:
    assert process.stdin is not None
    process.stdin.write("\n" * lines)
    process.stdin.flush()


@pytest.mark.alone
def test_a_sender_that_is_killed_and_started_again_is_followed(setup: Setup) -> None:
    with sender("tcp://127.0.0.1:*", "one") as first:
        address = told(first)
        node, listener = setup.start(connect=address)
        assert told(first) == "connected"
        more(first, 3)
        assert listener.strain_of(3).mean_strain == pytest.approx(-STRAIN, rel=0.1)
        first.kill()
        first.wait()
    with sender(address, "two") as second:
        assert told(second) == address
        bound = time.monotonic()
        more(second, 3)
        header = listener.strain_of(3)
        assert (header.session_id, header.rejection) == ("two", None)
        assert time.monotonic() - bound < 1.0 + 2.0  # 1 s is the goal; the rest is for a busy machine
        summary = node.stop()
        assert summary.link_resets == 1
        assert summary.rejected == {"first": 1, "new_session": 1}
        assert summary.received == 8


def test_a_source_that_is_silent_for_long_gives_the_link_to_another(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.admission.FORGET_SOURCE_AFTER", 0.1)
    _, listener = setup.start()
    setup.scanner.send_all([7, 8])
    listener.status(lambda status: status.frame_age is not None and status.frame_age > 0.2)
    for index in range(2):
        setup.scanner.send(index, source_id="other")  # by chance with the same session_id
    setup.settle(listener)
    assert [header.rejection for header in listener.strain_headers] == ["first", None, "new_session", None]


def test_the_topic_of_another_source_is_not_received(setup: Setup) -> None:
    _, listener = setup.start(input={"connect": setup.scanner.address, "source": "bridge"})
    setup.scanner.send(0)
    setup.scanner.send(0, source_id="bridge2")
    setup.scanner.sent -= 1  # a frame that the node did not ask for
    setup.scanner.send(1)
    setup.settle(listener)
    assert len(listener.strain) == 2


def test_a_node_may_start_before_its_scanner(setup: Setup) -> None:
    with Scanner() as early:
        address = early.address
    node, listener = setup.start(connect=address)
    with Scanner(address) as scanner:
        scanner.wait_for_node()
        scanner.send_all([0, 1])
        assert listener.strain_of(1).rejection is None
    assert node.stop().received == 2


def test_where_no_frame_comes_status_names_the_address_the_link_and_other_sources(setup: Setup) -> None:
    _, listener = setup.start(input={"source": "leg"})
    waiting = listener.status(lambda s: any("the link is up" in reason for reason in s.reasons))
    assert waiting.state == "WAITING"
    assert f"no RF frame of source 'leg' has come from {setup.scanner.address}" in waiting.reasons[0]
    end = time.monotonic() + PATIENCE
    index = 0
    while not any("other sources that send: bridge" in reason for reason in waiting.reasons):
        assert time.monotonic() < end, waiting.reasons
        setup.scanner.send(index)  # of source "bridge", which nobody asked for
        index += 1
        seen = index
        waiting = listener.status(lambda s, seen=seen: s is not None)  # type: ignore[misc]
    assert waiting.received > 0
    setup.late = waiting.received - setup.scanner.sent  # the first went out before anybody asked for them


def test_an_address_where_nobody_or_something_else_answers_is_named(setup: Setup) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{stranger.getsockname()[1]}"
        _, listener = setup.start(connect=address)
        nobody = listener.status(lambda s: any("nothing answers there" in reason for reason in s.reasons))
        assert address in nobody.reasons[0]
        stranger.listen()
        stranger.settimeout(PATIENCE)
        connection, _ = stranger.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64))
            listener.status(
                lambda s: any(
                    words in reason
                    for reason in s.reasons
                    for words in ("does not speak ZeroMQ", "another protocol", "hung up", "closes every link")
                )
            )


def test_a_bridge_that_pushes_instead_of_publishing_is_named_and_asked_less_often(setup: Setup) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as pushing:
        pushing.linger = 0
        address = f"tcp://127.0.0.1:{pushing.bind_to_random_port('tcp://127.0.0.1')}"
        begun = time.monotonic()
        node, listener = setup.start(connect=address)
        waiting = listener.status(lambda s: any("no PUB or XPUB socket" in r for r in s.reasons))
        assert "closes every link as it opens" in waiting.reasons[0]
        seen = time.monotonic()
        while time.monotonic() - seen < 1.2:  # between the attempts and during them too
            later = listener.status(lambda s: True)
            assert any("no PUB or XPUB socket" in reason for reason in later.reasons)
        resets = node.stop().link_resets
        assert resets <= 2 + (time.monotonic() - begun)  # one a second
