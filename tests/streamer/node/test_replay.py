"""A recording through the replay tool into a node, and the replay's own report."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from streamer.errors import AddressInUse
from streamer.headers import StrainHeader
from streamer.stopping import Stop
from tests.streamer.node.node_harness import PATIENCE, Setup, write_cycle
from tools.formats import open_recording
from tools.replay import ReplaySummary, replay


@pytest.fixture
def recording_file(tmp_path: Path) -> Path:
    write_cycle(tmp_path / "scan.h5")
    return tmp_path / "scan.h5"


class RunningReplay:
    """A replay in a thread, waiting for so many subscribers."""

    def __init__(self, file: Path, subscribers: int = 2, **options: Any) -> None:
        self.stop = Stop()
        self._subscribers = subscribers
        self.summary: ReplaySummary | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(file, options), name="replay")
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def _run(self, file: Path, options: dict[str, Any]) -> None:
        with open_recording(file) as recording:
            self.summary = replay(
                recording, self.stop, bind="tcp://127.0.0.1:*", wait_subscribers=self._subscribers,
                on_ready=self._on_ready, **options,
            )  # fmt: skip

    def _on_ready(self, address: str) -> None:
        self.address = address
        self._ready.set()

    @contextmanager
    def begun(self) -> Iterator[None]:
        """The second subscriber beside the node: only now, with a listener at the node, does it send."""
        with zmq.Context() as context, context.socket(zmq.SUB) as link:
            link.linger = 0
            link.subscribe(b"rf/")
            link.connect(self.address)
            yield

    def join(self) -> ReplaySummary:
        self._thread.join(PATIENCE)
        assert self.summary is not None, "the replay did not end"
        return self.summary


def test_every_frame_of_a_recording_arrives_with_its_timing(setup: Setup, recording_file: Path) -> None:
    played = RunningReplay(recording_file)
    time.sleep(0.3)  # the replay waits for its subscriber, longer than the bucket below
    node, listener = setup.start(connect=played.address, http={"bind": "127.0.0.1:0"})
    with played.begun():
        sent = played.join().sent
    assert sent == 12
    listener.status(lambda status: status.received == sent and status.in_flight == 0)
    headers = listener.strain_headers
    assert [header.post_index for header in headers] == list(range(12))
    assert [header.interval for header in headers[1:]] == pytest.approx([0.02] * 11)
    # a frame is due when it is acquired: its age does not contain the replay's preparations
    younger = next(
        line
        for line in node.get("/metrics")[1].splitlines()
        if line.startswith('musse_frame_age_seconds_bucket{le="0.25"}')
    )
    assert float(younger.split()[1]) >= 1


def test_restart_is_a_new_session_and_bounce_is_not(setup: Setup, recording_file: Path) -> None:
    played = RunningReplay(recording_file, loop="restart", rate=100.0)
    _, listener = setup.start(connect=played.address)
    with played.begun():
        listener.next(StrainHeader, lambda header: header.rejection == "new_session")
        listener.strain_of(1)
        played.stop.set()
        played.join()
    assert [header.post_index for header in listener.strain_headers[:14]] == [*range(12), 0, 1]
    assert listener.strain_headers[12].rejection == "new_session"


def test_a_stop_ends_an_endless_replay(setup: Setup, recording_file: Path) -> None:
    played = RunningReplay(recording_file, loop="bounce", speed=4.0)
    _, listener = setup.start(connect=played.address)
    with played.begun():
        listener.strain_of(30)  # beyond the recording's end: it has turned
        assert {header.rejection for header in listener.strain_headers[1:]} <= {None, "no_motion"}
        played.stop.set()
        assert played.join().sent >= 31


def test_an_address_in_use_is_named(recording_file: Path) -> None:
    context = zmq.Context()
    taken = context.socket(zmq.PUB)
    port = taken.bind_to_random_port("tcp://127.0.0.1")
    address = f"tcp://127.0.0.1:{port}"
    with open_recording(recording_file) as recording, pytest.raises(AddressInUse, match=f"{port}.*--bind"):
        replay(recording, Stop(), bind=address)
    taken.close(0)
    context.term()


def test_a_peers_own_message_is_no_subscriber(recording_file: Path) -> None:
    played = RunningReplay(recording_file, subscribers=1)
    context = zmq.Context()
    peer = context.socket(zmq.XSUB)
    peer.connect(played.address)
    peer.send(b"\x07")
    peer.send(b"")
    assert not peer.poll(200)  # nothing is sent yet
    peer.send(b"\x01rf/")
    assert peer.poll(int(PATIENCE * 1000))
    played.join()
    peer.close(0)
    context.term()
