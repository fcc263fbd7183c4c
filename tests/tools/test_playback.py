"""In which order, under which numbers and when a recording's frames are played."""

from itertools import islice, pairwise

import numpy as np
import pytest

from tools.playback import Cue, Loop, playback

TIMES = np.array([5, 7, 10, 16]) * 1_000_000
NUMBERS = np.array([10, 11, 14, 15])


def cues(loop: Loop, count: int = 12, **options: float) -> list[Cue]:
    return list(islice(playback(TIMES, NUMBERS, loop, **options), count))


def test_once_in_order_with_the_recorded_times_and_holes() -> None:
    played = cues("off")
    assert [cue.position for cue in played] == [0, 1, 2, 3]
    assert [cue.frame_index for cue in played] == [0, 1, 4, 5]
    assert [cue.offset_ns for cue in played] == [0, 2_000_000, 5_000_000, 11_000_000]
    assert {cue.session for cue in played} == {0}


def test_restart_is_a_new_session_every_time() -> None:
    played = cues("restart", 9)
    assert [cue.session for cue in played] == [0] * 4 + [1] * 4 + [2]
    assert [cue.frame_index for cue in played] == [0, 1, 4, 5, 0, 1, 4, 5, 0]
    assert played[4].offset_ns - played[3].offset_ns == 3_000_000  # the typical interval


def test_bounce_runs_on_and_passes_every_interval_both_ways() -> None:
    played = cues("bounce", 9)
    assert [cue.position for cue in played] == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert [cue.frame_index for cue in played] == list(range(9))
    intervals = [after.offset_ns - before.offset_ns for before, after in pairwise(played)]
    assert intervals == [2e6, 3e6, 6e6, 6e6, 3e6, 2e6, 2e6, 3e6]
    assert {cue.session for cue in played} == {0}


@pytest.mark.parametrize("loop", ["off", "restart", "bounce"])
def test_a_rate_replaces_the_times_and_a_speed_divides_them(loop: Loop) -> None:
    steps = [after.offset_ns - before.offset_ns for before, after in pairwise(cues(loop, 8, rate=50.0))]
    assert set(steps) == {20_000_000}
    assert cues(loop, 8, rate=50.0, speed=4.0)[1].offset_ns == 5_000_000
    assert cues(loop, 8, speed=0.5)[1].offset_ns == 4_000_000


@pytest.mark.parametrize("loop", ["restart", "bounce"])
def test_a_single_frame_is_played_at_twenty_a_second(loop: Loop) -> None:
    played = list(islice(playback(TIMES[:1], NUMBERS[:1], loop), 3))
    assert [cue.offset_ns for cue in played] == [0, 50_000_000, 100_000_000]
    assert [cue.position for cue in played] == [0, 0, 0]


def test_times_do_not_drift_over_a_day() -> None:
    last = list(islice(playback(TIMES, NUMBERS, "bounce", rate=30.0), 30 * 3600))[-1]
    assert last.offset_ns == pytest.approx((30 * 3600 - 1) / 30 * 1e9, abs=1000)
