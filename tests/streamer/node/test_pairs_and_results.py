"""Results that the node publishes for good frames, gaps, changes and jumps."""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.baselines.trivial import TrivialEstimator
from engine.bmode import bmode
from engine.factory import load
from engine.spec import StrainResult
from streamer.config import Config
from streamer.config_file import load_config
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion, engine_spec
from streamer.headers import BmodeHeader, StrainHeader
from streamer.pairing import FramePair
from streamer.step import StrainStep
from streamer.stopwatch import Stopwatch
from tests.echo_frames import STRAIN, cycle, echoes, rf_header
from tests.streamer.node.node_harness import Setup


def test_every_frame_becomes_a_result_with_the_strain_it_was_made_with(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all(range(12))
    setup.settle(listener)
    summary = setup.finish()
    assert summary.published_valid == 11
    assert summary.rejected == {"first": 1}
    for message in listener.strain[1:]:
        header = message.header
        assert isinstance(header, StrainHeader)
        pressed = (header.post_index % 6) in (1, 2, 3)
        expected = -STRAIN if pressed else STRAIN
        assert header.mean_strain == pytest.approx(expected, rel=0.1)
        assert header.pre_index == header.post_index - 1
        assert header.interval == pytest.approx(0.02)
        np.testing.assert_allclose(message.arrays["axial_strain"], expected, rtol=0.1)
        assert set(header.stage_seconds) == {
            "wait",
            "prepare",
            "infer",
            "post",
            "fuse",
        }  # not encode, being encoded


def test_a_pair_without_a_value_carries_a_reason_and_no_numbers(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send(0)
    first = listener.strain_of(0)
    assert (first.rejection, first.pre_index, first.mean_strain, first.interval) == (
        "first",
        None,
        None,
        None,
    )
    assert first.arrays == ()
    assert first.quality == 0


def test_pixels_without_information_are_not_a_number(setup: Setup) -> None:
    class HalfBlind(TrivialEstimator):
        """Trusts the upper half only."""

        def propose(self, *arguments: Any) -> StrainResult:
            result = super().propose(*arguments)
            result.strain_std[32:] = np.inf
            return result

    _, listener = setup.start(HalfBlind)
    setup.scanner.send_all(range(2))
    message = listener.next(StrainHeader, lambda header: header.post_index == 1)
    strain = message.arrays["axial_strain"]
    assert np.isnan(strain[32:]).all()
    assert np.isnan(message.arrays["strain_std"][32:]).all()
    assert np.isfinite(strain[:32]).all()


def test_a_hole_in_the_numbering_is_lost_frames_and_a_gap(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([0, 1])
    setup.scanner.sent += 3  # sent, and lost on the way
    setup.scanner.send_all([5, 6])
    setup.settle(listener)
    assert [header.rejection for header in listener.strain_headers] == ["first", None, "gap", None]
    assert setup.finish().lost == 3


def test_a_frame_that_comes_twice_is_refused_and_changes_nothing(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([0, 1, 1, 2])
    setup.settle(listener)
    assert [header.rejection for header in listener.strain_headers] == ["first", None, None]
    assert setup.finish().refused == {"duplicate": 1}


def test_a_frame_that_comes_late_is_refused(setup: Setup) -> None:
    _, listener = setup.start()
    setup.late = 1
    setup.scanner.send_all([0, 2, 1, 3])
    setup.settle(listener)
    assert [header.post_index for header in listener.strain_headers] == [0, 2, 3]
    assert [header.rejection for header in listener.strain_headers] == ["first", "gap", None]
    summary = setup.finish()
    assert (summary.refused, summary.lost) == ({"backwards": 1}, 1)


def test_a_new_session_starts_anew_at_any_index(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([7, 8])
    for index in (0, 1):
        setup.scanner.send(index, session_id="two")
    setup.settle(listener)
    assert [header.rejection for header in listener.strain_headers] == ["first", None, "new_session", None]
    assert [header.session_id for header in listener.strain_headers] == ["one", "one", "two", "two"]


def test_a_new_geometry_is_no_pair_and_then_goes_on(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([0, 1])
    smaller = (400, 12)
    for index in (2, 3):
        setup.scanner.send(index, echoes(STRAIN * index, shape=smaller), shape=smaller)
    setup.scanner.send(4, line_pitch=2e-4)  # the same size, other millimetres
    setup.settle(listener)
    reasons = [header.rejection for header in listener.strain_headers]
    assert reasons == ["first", None, "geometry_changed", None, "geometry_changed"]


@pytest.mark.parametrize("jump", [-(10**18), 10**18, 0], ids=["back", "forward", "still"])
def test_a_clock_that_jumps_costs_the_interval_only(setup: Setup, jump: int) -> None:
    _, listener = setup.start()
    setup.scanner.send(0)
    setup.scanner.send(1, t_acq=jump)
    header = listener.strain_of(1)
    assert header.interval is None
    assert header.mean_strain == pytest.approx(-STRAIN, rel=0.1)


def test_the_extremes_of_the_clock_are_survived(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send(0, t_acq=-(2**63), clock="unix")
    setup.scanner.send(1, t_acq=2**63 - 1, clock="unix")
    assert listener.strain_of(1).interval is None


def test_lines_in_memory_give_the_same_strain_as_samples_in_memory(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all([0, 1])
    for index in (0, 1):
        setup.scanner.send(index, cycle(index).T, session_id="two", axes="lateral,axial")
    setup.settle(listener)
    by_sample, by_line = (listener.strain[i].arrays["axial_strain"] for i in (1, 3))
    np.testing.assert_array_equal(by_sample, by_line)


def test_stride_compares_with_the_frame_n_before(setup: Setup) -> None:
    _, listener = setup.start(pairing={"mode": "stride", "stride": 2})
    for index in range(6):
        setup.scanner.send(index, echoes(STRAIN * index))
    setup.settle(listener)
    pairs = [(header.pre_index, header.post_index) for header in listener.strain_headers]
    assert pairs == [(None, 0), (None, 1), (0, 2), (1, 3), (2, 4), (3, 5)]
    assert listener.strain_headers[-1].mean_strain == pytest.approx(-2 * STRAIN, rel=0.1)


@pytest.mark.parametrize("policy", ["every", "latest"])
def test_a_key_frame_is_held_until_it_is_spent(setup: Setup, policy: str) -> None:
    """The key outlives many turns of the ring: its samples must still be its own."""
    _, listener = setup.start(pairing={"mode": "keyframe", "policy": policy, "key_max_age": 20})
    levels = [0.0025 * (0, 1, 2, 3, 2, 1)[index % 6] for index in range(24)]
    for index, level in enumerate(levels):
        setup.scanner.send(index, echoes(level))
        header = listener.strain_of(index)
        if index:
            key = 0 if index <= 20 else 20
            assert header.pre_index == key
            assert header.mean_strain == pytest.approx(levels[key] - level, rel=0.1, abs=1e-6)
            assert header.rejection == ("no_motion" if level == levels[key] else None)


def test_a_spent_key_is_replaced_by_the_frame_that_spent_it(setup: Setup) -> None:
    _, listener = setup.start(pairing={"mode": "keyframe", "key_max_strain": 0.008})
    for index in range(6):
        setup.scanner.send(index, echoes(STRAIN * index))
    setup.settle(listener)
    assert [header.pre_index for header in listener.strain_headers] == [None, 0, 0, 2, 2, 4]


def run_directly(config: Config, indices: list[int]) -> list[np.ndarray]:
    """The same frames through the step, without a socket."""
    frames = [RfFrame(rf_header(index), cycle(index), 0.0) for index in indices]
    region = FrameRegion.whole(frames[0].header)
    spec = engine_spec(frames[0].header, region, config)
    step = StrainStep(load(config.engine.name)(spec, "cpu"), region, config)
    messages = [step.run(FramePair(None, frames[0], "first"), Stopwatch())]
    messages += [step.run(FramePair(pre, post, None), Stopwatch()) for pre, post in pairwise(frames)]
    return [message.arrays[0] for message in messages if message.arrays]


@pytest.mark.parametrize("engine", ["trivial", "reference"])
def test_live_equals_offline(setup: Setup, engine: str) -> None:
    _, listener = setup.start(engine={"name": engine})
    setup.scanner.send_all(range(7))
    setup.settle(listener)
    live = [message.arrays["axial_strain"] for message in listener.strain if message.arrays]
    config = load_config(Path("fine"), {"engine": {"name": engine}})
    offline = run_directly(config, list(range(7)))
    assert len(live) == len(offline) == 6
    for one, other in zip(live, offline, strict=True):
        np.testing.assert_array_equal(one, other)
    shifted = run_directly(config, list(range(1, 8)))  # the control: other pairs are not equal
    assert not any(np.array_equal(a, b) for a, b in zip(live, shifted, strict=True))


def test_bmode_is_sent_to_those_who_ask_and_is_the_frame_itself(setup: Setup) -> None:
    _, listener = setup.start()
    viewer = setup.listen(b"bmode/", b"status/")
    setup.scanner.send_all([0, 1])
    message = viewer.next(BmodeHeader, lambda header: header.frame_index == 1)
    spec = engine_spec(rf_header(1), FrameRegion.whole(rf_header(1)), Config())
    np.testing.assert_array_equal(message.arrays["bmode"], bmode(cycle(1), spec))
    setup.settle(listener)


def test_status_comes_at_a_fixed_rate_without_any_frame(setup: Setup) -> None:
    _, listener = setup.start()
    begun = time.monotonic()
    states = [listener.status() for _ in range(10)]
    assert {status.state for status in states} == {"WAITING"}
    assert {status.status_interval for status in states} == {0.05}
    assert time.monotonic() - begun > 0.3  # ten at once would be no rate


def test_a_stopped_scanner_is_stale_and_comes_back_live(setup: Setup) -> None:
    _, listener = setup.start()
    setup.scanner.send_all(range(3))
    listener.status(lambda status: status.state == "STALE")
    setup.scanner.send(3)
    listener.status(lambda status: status.state == "LIVE")
    setup.scanner.send(4, origin="replay")
    listener.status(lambda status: status.state == "REPLAY")
