"""The next pair is prepared while the network runs, and only as long as pairs come as foreseen."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamer import foresight
from streamer.config import PairingConfig
from streamer.foresight import Foresight
from streamer.pairing import FramePair, Pairing
from streamer.ring import FrameRing
from tests.streamer.test_ring import put

PATIENCE = 5.0
Indices = tuple[int | None, int]


class Noting:
    """In place of a `StrainStep`: notes what it is to foresee."""

    def __init__(self) -> None:
        self.foreseen: list[Indices] = []
        self.called = threading.Event()

    def foresee(self, pair: FramePair) -> None:
        self.foreseen.append(indices(pair))
        self.called.set()


def indices(pair: FramePair) -> Indices:
    return pair.pre.header.frame_index if pair.pre else None, pair.post.header.frame_index


class Node:
    """Ring, pairing and foresight as the node has them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cores: int = 2) -> None:
        monkeypatch.setattr(foresight, "_cores", lambda: cores)
        self.pairing = Pairing(PairingConfig(mode="stride", stride=1))
        self.ring = FrameRing(2**20, 1, keep_all=False, on_overwritten=lambda count: None)
        self.step = Noting()
        self.foresight = Foresight(self.ring, self.pairing)

    def send(self, index: int) -> None:
        put(self.ring, index)

    @contextmanager
    def computing(self) -> Iterator[Indices]:
        """The newest pair, with the network running in this block."""
        pair = self.ring.next_pair(self.pairing.choose, PATIENCE)
        assert pair is not None
        self.step.called.clear()
        with self.foresight.beside(self.step, pair)("infer"):  # type: ignore[arg-type]
            yield indices(pair)
        self.ring.give_back(pair)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    made = Node(monkeypatch)
    with made.foresight:
        yield made


def test_a_frame_that_arrives_during_inference_is_prepared_with_its_pre(node: Node) -> None:
    node.send(0)
    with node.computing() as pair:
        assert pair == (None, 0)
        node.send(1)
        assert node.step.called.wait(PATIENCE)
    assert node.step.foreseen == [(0, 1)]
    assert node.ring.waiting() == 1  # foreseen, not taken
    with node.computing() as pair:
        assert pair == (0, 1)


def test_nothing_is_prepared_while_no_network_runs(node: Node) -> None:
    node.send(0)
    with node.computing():
        pass
    node.send(1)
    assert not node.step.called.wait(0.1)
    with node.computing() as pair:
        assert pair == (0, 1)
    assert node.step.foreseen == []


def test_a_newer_frame_is_prepared_as_well(node: Node) -> None:
    node.send(0)
    with node.computing():
        for index in (1, 2):
            node.step.called.clear()
            node.send(index)
            assert node.step.called.wait(PATIENCE)
    assert [post for _, post in node.step.foreseen] == [1, 2]


def test_pairs_that_did_not_come_as_foreseen_make_it_pause(node: Node) -> None:
    node.send(0)
    foreseen = []
    for index in range(1, 40, 2):
        with node.computing():
            node.send(index)
            foreseen.append(node.step.called.wait(0.05))
        node.send(index + 1)  # too late to be foreseen, and the next post
    assert foreseen[:3] == [True, True, True]
    assert sum(foreseen) <= 7  # of 20: pauses of 1, 3, 7 and 15 pairs


def test_a_single_core_is_left_to_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(monkeypatch, cores=1)
    with node.foresight:
        node.send(0)
        with node.computing():
            node.send(1)
            assert not node.step.called.wait(0.1)
