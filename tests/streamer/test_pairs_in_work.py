"""Pairs that are computed at the same time are published in order, with the values that they have alone."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.factory import load
from engine.musse.runtimes.onnx import OnnxRuntime
from streamer import pairs_in_work
from streamer.config import Config, EngineConfig, PairingConfig
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion, engine_spec
from streamer.offline import strain_messages
from streamer.pairing import Pairing
from streamer.pairs_in_work import MOST, PairInWork, PairsInWork, pairs_at_once
from streamer.ring import FrameRing
from streamer.step import StrainMessage, StrainStep
from streamer.stopping import Stop
from tests.echo_frames import SHAPE, STRAIN, echoes, rf_header
from tests.streamer.pairs_node import PATIENCE, Node, wait_for
from tests.streamer.test_ring import put


@pytest.fixture(autouse=True)
def cores_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs that wait for their event have no core; only a test of that counts it."""
    monkeypatch.setattr(pairs_in_work, "FREE", 0.0)


@pytest.fixture
def node() -> Iterator[Node]:
    with Node(2) as made:
        yield made


def test_two_pairs_are_computed_at_once_and_published_in_order(node: Node) -> None:
    node.send(0, 1, 2)
    wait_for(lambda: node.steps.begun == [1, 2])
    node.end(2)
    wait_for(node.work._pairs[-1].done)
    time.sleep(0.05)
    assert node.published == [0]
    node.end(1)
    wait_for(lambda: len(node.waited) == 3)
    assert node.published == [0, 1, 2]
    alone, first, second = node.waited
    assert alone is None
    assert first is not None
    assert second is not None
    assert second > 0.04
    assert first < second


def test_without_room_frames_wait_and_the_newest_is_taken(node: Node) -> None:
    node.send(0, 1, 2)
    for index in (3, 4):
        put(node.ring, index)
    wait_for(lambda: node.steps.begun == [1, 2])
    time.sleep(0.05)
    assert node.steps.begun == [1, 2]
    node.end(1)
    wait_for(lambda: node.steps.begun == [1, 2, 4])
    assert node.overwritten == 1


def test_pairs_after_a_reset_are_begun_anew(node: Node) -> None:
    node.steps.resets = {1}
    node.send(0, 1, 2)
    node.end(1, 2)
    wait_for(lambda: node.published == [0, 1, 102])
    assert node.steps.begun == [1, 2, 2]


def test_a_pair_that_cannot_be_begun_waits_for_those_before_it() -> None:
    with Node(3) as node:
        node.steps.alone = {3}
        node.send(0, 1, 2, 3)
        wait_for(lambda: node.published == [0])
        time.sleep(0.05)
        assert node.published == [0]
        node.end(1, 2)
        wait_for(lambda: node.published == [0, 1, 2, 3])


def test_an_error_at_the_beginning_is_met_in_turn(node: Node) -> None:
    node.steps.fails = {2}
    node.send(0, 1, 2)
    wait_for(lambda: node.steps.begun == [1, 2])
    assert node.published == [0]
    node.end(1)
    wait_for(lambda: node.published == [0, 1, "pair 2"])


@pytest.mark.parametrize(("pairing", "at_once"), [({}, 2), ({"mode": "time"}, 1), ({"mode": "keyframe"}, 1)])
def test_pairs_that_follow_the_outcome_of_others_are_not_begun_early_where_every_pair_counts(
    pairing: dict[str, str], at_once: int
) -> None:
    with Node(2, policy="every", **pairing) as node:
        node.end(1, 2)
        for index in range(3):
            put(node.ring, index)
        wait_for(lambda: len(node.published) == 3)
        assert len(node.steps.begun) == (2 if at_once == 2 else 0)


@pytest.mark.parametrize(
    ("free", "last", "begun"),
    [(0.7, 1.0, [1, 2]), (0.7, 0.2, [1, 2, 3, 4]), (0.0, 1.0, [1, 2, 3, 4])],
    ids=["rule", "one pair alone", "control"],
)
def test_where_a_core_is_missing_pairs_follow_one_another(
    node: Node, monkeypatch: pytest.MonkeyPatch, free: float, last: float, begun: list[int]
) -> None:
    monkeypatch.setattr(pairs_in_work, "FREE", free)
    monkeypatch.setattr(pairs_in_work, "LAST", last)
    node.send(0, 1, 2)
    node.end(1, 2, 3, 4)
    wait_for(lambda: node.published == [0, 1, 2])
    node.send(3, 4)
    wait_for(lambda: node.published == [0, 1, 2, 3, 4])
    assert node.steps.begun == begun


def test_after_a_while_two_pairs_are_tried_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_in_work, "FREE", 0.7)
    monkeypatch.setattr(pairs_in_work, "LAST", 1.0)
    monkeypatch.setattr(pairs_in_work, "ALONE_FOR", 0.1)
    node.send(0, 1, 2)
    node.end(1, 2)
    wait_for(lambda: node.published == [0, 1, 2])
    time.sleep(0.1)
    node.send(3, 4)
    wait_for(lambda: node.steps.begun == [1, 2, 3, 4])


def test_a_pair_that_computes_has_a_core_and_one_that_waits_has_none() -> None:
    def compute() -> Any:
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass

    def sleep() -> Any:
        time.sleep(0.05)

    computing, waiting = (pairs_in_work._timed(task).share for task in (compute, sleep))
    assert waiting < 0.2
    assert computing > 2 * waiting


def frames_of_a_bad_scan() -> list[RfFrame]:
    """Presses, a gain jump, and noise for so long that memory is dropped."""
    rng, frames = np.random.default_rng(0), []
    for index in range(24):
        samples: Any = echoes(STRAIN * (index % 4))
        if 6 <= index < 12:
            samples = rng.standard_normal(SHAPE).astype(np.float32) * samples.std()
        if index >= 16:
            samples = samples * np.float32(3.0)
        frames.append(RfFrame(rf_header(index), samples.astype(np.int16), 0.0))
    return frames


def test_values_and_resets_are_those_of_one_pair_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = frames_of_a_bad_scan()
    config = Config(pairing=PairingConfig(mode="stride", stride=1, policy="every"))
    region = FrameRegion.whole(frames[0].header)
    estimator = load("onnx")(engine_spec(frames[0].header, region, config), "cpu")
    alone = list(strain_messages(frames, config, StrainStep(estimator, region, config)))
    estimator.reset()
    running, two = set[int](), threading.Event()
    run = OnnxRuntime.run

    def counted(self: OnnxRuntime, inputs: Any) -> Any:
        running.add(threading.get_ident())
        if len(running) > 1:
            two.set()
        two.wait(1.0)  # a pair of these small frames may end before the next begins
        try:
            return run(self, inputs)
        finally:
            running.discard(threading.get_ident())

    monkeypatch.setattr(OnnxRuntime, "run", counted)
    at_once = published_at_once(frames, config, StrainStep(estimator, region, config))
    assert two.is_set()
    assert len({message.header.state_epoch for message in alone}) > 3
    assert {message.header.rejection for message in alone} >= {None, "first", "decorrelated"}
    left_out: dict[str, Any] = {"stage_seconds": {}}
    for one, other in zip(alone, at_once, strict=True):
        assert one.header.model_copy(update=left_out) == other.header.model_copy(update=left_out)
        assert [values.tobytes() for values in one.arrays] == [values.tobytes() for values in other.arrays]


def published_at_once(frames: list[RfFrame], config: Config, step: StrainStep) -> list[StrainMessage]:
    """The messages of these frames, with three pairs in work."""
    pairing, found, stop = Pairing(config.pairing), list[StrainMessage](), Stop()
    ring = FrameRing(2**24, pairing.history, pairs=3, keep_all=True, on_overwritten=lambda count: None)
    for frame in frames:
        slot = ring.claim(frame.header.nbytes)
        slot.payload[:] = frame.samples.reshape(-1).view(np.uint8)
        ring.commit(slot, frame.header, 0.0)

    def publish(work: PairInWork) -> StrainMessage:
        found.append(work.run())
        if len(found) == len(frames):
            stop.set()
        return found[-1]

    PairsInWork(config.pairing, ring, pairing, lambda post: step, publish).run(stop, lambda: PATIENCE)
    return found


def test_what_was_taken_is_published_when_the_run_is_to_end(node: Node) -> None:
    node.send(0, 1, 2)
    node.stop.set()
    node.end(1, 2)
    wait_for(lambda: node.published == [0, 1, 2])


def test_the_loop_stops_turning_where_a_pair_hangs(node: Node) -> None:
    node.send(0, 1)
    wait_for(lambda: node.steps.begun == [1])
    turns = node.turns
    wait_for(lambda: node.turns > turns + 10)  # as long as the pair is not overdue

    def stands() -> bool:
        turns = node.turns
        time.sleep(0.3)  # of turns that last 0.01 s
        return node.turns == turns

    wait_for(stands)
    put(node.ring, 2)
    node.end(1, 2)
    wait_for(lambda: node.published == [0, 1, 2])


def test_as_many_pairs_as_cores_but_not_more_than_can_be_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for cores in (1, 2, 4, 16):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        found.append(pairs_at_once(EngineConfig()))
    assert found == [1, 2, 4, MOST]
    assert pairs_at_once(EngineConfig(threads=8)) == 2
    assert pairs_at_once(EngineConfig(threads=0)) == 1
    assert pairs_at_once(EngineConfig(pairs_at_once=3)) == 3
