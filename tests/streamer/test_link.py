"""What a link states of its peer, event by event."""

import math

import pytest
import zmq

from streamer import link as module
from streamer.link import CLOSES, PEER, Link
from streamer.sockets import open_context

OPEN, FAILED = zmq.EVENT_CONNECTED, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
UP, GONE = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED


def stated(events: list[int], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is stated after each of these events."""
    coming = iter(events)
    monkeypatch.setattr(module, "recv_monitor_message", lambda monitor: {"event": next(coming)})
    found = []
    with open_context() as context:
        link = Link(context, "tcp://127.0.0.1:9", [b"rf"], high_water_mark=2, setting="a")
        for _ in events:
            link._reopen(math.inf)
            assert not link._has_message([link._monitor])
            found.append(link.peer)
        link.close()
    return found


def test_a_link_that_closes_before_a_handshake_is_named_so_and_stays_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = stated([OPEN, GONE, OPEN, FAILED, GONE, OPEN, GONE], monkeypatch)
    assert found == [PEER[OPEN]] + [CLOSES] * 6


@pytest.mark.parametrize("refused", [zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL])
def test_a_key_that_is_refused_is_stated_until_a_link_is_up(
    refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = stated([OPEN, refused, GONE, OPEN, GONE, OPEN, FAILED, GONE, OPEN, UP, GONE], monkeypatch)
    assert found == [PEER[OPEN]] + [PEER[refused]] * 8 + [PEER[UP], PEER[GONE]]


def test_a_link_that_was_up_was_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = stated([OPEN, GONE, OPEN, UP, GONE], monkeypatch)
    assert found == [PEER[OPEN], CLOSES, CLOSES, PEER[UP], PEER[GONE]]
