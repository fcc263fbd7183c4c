"""The ring against a plain model: nothing on loan changes, and every frame is taken or counted, once."""

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamer.errors import MessageRefused
from streamer.frame import RfFrame
from streamer.pairing import FramePair
from streamer.ring import SPARE_SLOTS, FrameRing
from tests.echo_frames import rf_header

SHAPES = ((64, 4), (64, 6), (80, 8))


def put(ring: FrameRing, index: int, shape: tuple[int, int] = SHAPES[0]) -> None:
    """A frame whose every byte is its index."""
    header = rf_header(index, shape=shape)
    slot = ring.claim(header.nbytes)
    slot.payload[:] = index % 251
    ring.commit(slot, header, float(index))


def whole(frame: RfFrame) -> bool:
    return bool((frame.samples.view(np.uint8) == frame.header.frame_index % 251).all())


def alone(post: RfFrame, ring_frames: Sequence[RfFrame]) -> FramePair:
    return FramePair(None, post, "first")


def newest_pair(post: RfFrame, ring_frames: Sequence[RfFrame]) -> FramePair:
    return FramePair(ring_frames[-1] if ring_frames else None, post, None if ring_frames else "first")


class RingMachine(RuleBasedStateMachine):
    """Two frames back, one pair on loan at a time, one key frame ring_frames: as the node uses it."""

    keep_all = False
    history = 2

    def __init__(self) -> None:
        super().__init__()
        self.overwritten = 0
        self.ring = FrameRing(
            20 * 64 * 4 * 2, self.history, keep_all=self.keep_all, on_overwritten=self.count_overwritten
        )
        self.next_index = 0
        self.taken: list[int] = []
        self.pair: FramePair | None = None
        self.key: RfFrame | None = None

    def count_overwritten(self, count: int) -> None:
        assert count > 0
        self.overwritten += count

    @rule(shape=st.sampled_from(SHAPES[:2]))
    def receive(self, shape: tuple[int, int]) -> None:
        put(self.ring, self.next_index, shape)
        self.next_index += 1

    @rule(shape=st.sampled_from(SHAPES))
    def receive_and_abandon(self, shape: tuple[int, int]) -> None:
        slot = self.ring.claim(rf_header(0, shape=shape).nbytes)
        slot.payload[:] = 255
        self.ring.abandon(slot)

    @rule()
    def receive_too_much(self) -> None:
        with pytest.raises(MessageRefused, match="too_large"):
            self.ring.claim(20 * 64 * 4 * 2)

    @precondition(lambda self: self.pair is None)
    @rule(back=st.integers(0, 2))
    def take(self, back: int) -> None:
        def choose(post: RfFrame, ring_frames: Sequence[RfFrame]) -> FramePair:
            earlier = [frame for frame in ring_frames if whole(frame)]
            assert len(earlier) == len(ring_frames)
            pre = ring_frames[-back] if 0 < back <= len(ring_frames) else self.key
            return FramePair(pre if pre is not post else None, post, None)

        pair = self.ring.next_pair(choose, 0.0)
        if pair is not None:
            index = pair.post.header.frame_index
            assert not self.taken or index > self.taken[-1]
            self.taken.append(index)
            self.pair = pair

    @precondition(lambda self: self.pair is not None)
    @rule(key=st.sampled_from(["keep", "post", "none"]))
    def give_back(self, key: str) -> None:
        assert self.pair is not None
        self.key = {"keep": self.key, "post": self.pair.post, "none": None}[key]
        self.ring.give_back(self.pair, self.key)
        self.pair = None

    @invariant()
    def what_is_on_loan_is_untouched(self) -> None:
        frames = [self.key] if self.pair is None else [self.key, self.pair.pre, self.pair.post]
        assert all(whole(frame) for frame in frames if frame is not None)

    @invariant()
    def every_frame_has_one_end(self) -> None:
        assert self.next_index == len(self.taken) + self.overwritten + self.ring.waiting()


class KeepAllMachine(RingMachine):
    """The same with every frame in order."""

    keep_all = True


TestNewestFirst = RingMachine.TestCase
TestNewestFirst.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestEveryFrame = KeepAllMachine.TestCase
TestEveryFrame.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class Counter:
    def __init__(self) -> None:
        self.total = 0

    def __call__(self, count: int) -> None:
        self.total += count


def test_newest_first_passes_over_and_counts() -> None:
    lost = Counter()
    ring = FrameRing(2**20, 1, keep_all=False, on_overwritten=lost)
    for index in range(4):
        put(ring, index)
    pair = ring.next_pair(newest_pair, 0.0)
    assert pair is not None
    assert pair.pre is not None
    assert (pair.pre.header.frame_index, pair.post.header.frame_index, lost.total) == (2, 3, 3)
    assert ring.next_pair(newest_pair, 0.0) is None


def test_every_frame_comes_in_order_until_the_memory_ends() -> None:
    lost = Counter()
    ring = FrameRing(2**20, 1, keep_all=True, on_overwritten=lost)
    for index in range(900):
        put(ring, index)
    order = []
    while (pair := ring.next_pair(alone, 0.0)) is not None:
        order.append(pair.post.header.frame_index)
        ring.give_back(pair)
    assert order == list(range(900))
    assert lost.total == 0
    for index in range(1100):  # 1024 slots are the most
        put(ring, index)
    assert lost.total == 1100 - 1024


@pytest.mark.parametrize("history", [1, 3, 16])
def test_the_receiver_never_waits_while_a_pair_and_a_key_are_out(history: int) -> None:
    frame = SHAPES[0][0] * SHAPES[0][1] * 2
    ring = FrameRing((history + SPARE_SLOTS) * frame, history, keep_all=False, on_overwritten=Counter())
    put(ring, 0)
    first = ring.next_pair(alone, 0.0)
    assert first is not None
    ring.give_back(first, key=first.post)
    for index in range(1, history + 2):
        put(ring, index)
    pair = ring.next_pair(lambda post, ring_frames: FramePair(ring_frames[-history], post, None), 0.0)
    assert pair is not None
    for index in range(100, 200):
        put(ring, index)
    assert whole(first.post)
    assert whole(pair.post)
    assert pair.pre is not None
    assert whole(pair.pre)


def test_pairs_are_lent_at_the_same_time_where_there_is_room() -> None:
    frame, history = SHAPES[0][0] * SHAPES[0][1] * 2, 2
    found = []
    for slots in range(history + SPARE_SLOTS, history + SPARE_SLOTS + 7):
        ring = FrameRing(slots * frame, history, pairs=3, keep_all=False, on_overwritten=Counter())
        put(ring, 0)
        found.append((ring.pairs, ring.history))
    assert found == [(1, 2), (1, 3), (2, 2), (2, 3), (3, 2), (3, 2), (3, 2)]
    pairs = []
    for index in (1, 2, 3):
        put(ring, index)
        pair = ring.next_pair(newest_pair, 0.0)
        assert pair is not None
        pairs.append(pair)
    for index in range(100, 200):
        put(ring, index)
    assert all(pair.pre is not None and whole(pair.pre) and whole(pair.post) for pair in pairs)
    for pair in pairs:
        ring.give_back(pair)
    for index in range(100, 200):  # the control
        put(ring, index)
    assert not any(whole(pair.post) for pair in pairs)


def test_who_waits_for_a_frame_can_be_woken() -> None:
    ring = FrameRing(2**14, 1, keep_all=False, on_overwritten=Counter())
    threading.Timer(0.05, ring.wake).start()
    begun = time.perf_counter()
    assert ring.next_pair(alone, 20.0) is None
    assert time.perf_counter() - begun < 10.0
    begun = time.perf_counter()
    assert ring.next_pair(alone, 0.1) is None  # only once
    assert time.perf_counter() - begun >= 0.1


def test_without_its_loan_a_frame_is_overwritten() -> None:
    """The control: frames that the tests above find unchanged do change once they are given back."""
    ring = FrameRing(2**14, 1, keep_all=False, on_overwritten=Counter())
    put(ring, 0)
    pair = ring.next_pair(alone, 0.0)
    assert pair is not None
    ring.give_back(pair)
    for index in range(100, 120):
        put(ring, index)
    assert not whole(pair.post)


def test_two_threads_lose_no_frame_and_no_count() -> None:
    lost = Counter()
    ring = FrameRing(2**14, 1, keep_all=False, on_overwritten=lost)
    frames = 3000
    taken, torn = [], 0

    def write() -> None:
        for index in range(frames):
            put(ring, index)

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    while writer.is_alive() or ring.waiting():
        pair = ring.next_pair(newest_pair, 0.01)
        if pair is not None:
            torn += not whole(pair.post) or (pair.pre is not None and not whole(pair.pre))
            taken.append(pair.post.header.frame_index)
            ring.give_back(pair)
    writer.join()
    assert torn == 0
    assert taken == sorted(set(taken))
    assert taken[-1] == frames - 1
    assert len(taken) + lost.total == frames


def test_waiting_for_a_frame_ends_when_one_comes() -> None:
    ring = FrameRing(2**14, 1, keep_all=False, on_overwritten=Counter())
    sender = threading.Timer(0.05, put, (ring, 7))
    sender.start()
    pair = ring.next_pair(alone, 20.0)
    sender.join()
    assert pair is not None
    assert pair.post.header.frame_index == 7
