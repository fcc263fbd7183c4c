"""Pairs a fixed time apart: the same interval at every frame rate, and shorter where it is too long."""

from typing import Any

import numpy as np
import pytest

from streamer.config import PairingConfig
from streamer.frame import RfFrame
from streamer.interval import MAX_FRAMES, shortened_to
from streamer.pairing import Pairing
from tests.echo_frames import SHAPE, rf_header
from tests.streamer.strain_headers import strain_header

INTERVAL = 0.13
NO_SAMPLES = np.zeros(SHAPE, np.int16)


def frame(index: int, rate: float = 25.0, **changes: Any) -> RfFrame:
    return RfFrame(rf_header(index, **{"t_acq": round(index * 1e9 / rate), **changes}), NO_SAMPLES, 0.0)


def strides(frames: list[RfFrame], pairing: Pairing, **outcome: Any) -> list[int | str | None]:
    """Frames between pre and post, or the reason why there is no pair."""
    found: list[int | str | None] = []
    for number, post in enumerate(frames):
        pair = pairing.choose(post, frames[max(0, number - pairing.reach) : number])
        found.append(
            pair.rejection if pair.pre is None else post.header.frame_index - pair.pre.header.frame_index
        )
        pairing.report_outcome(pair, strain_header(**outcome))
    return found


@pytest.mark.parametrize("rate", [4.0, 7.0, 25.0, 60.0, 200.0, 900.0])
def test_the_interval_is_the_same_at_every_frame_rate(rate: float) -> None:
    number = min(MAX_FRAMES, max(1, round(rate * INTERVAL)))
    found = strides([frame(index, rate) for index in range(number + 4)], Pairing(PairingConfig()))
    assert found[0] == "first"
    assert found[1:number] == list(range(1, number))  # the first frames: as far apart as there are frames
    assert found[number:] == [number] * 4


@pytest.mark.parametrize("changes", [{"t_acq": 0}, {"t_acq": -(2**62)}], ids=["still", "negative"])
def test_without_times_the_third_frame_before_is_taken(changes: dict[str, Any]) -> None:
    frames = [frame(index, **changes) for index in range(8)]
    assert strides(frames, Pairing(PairingConfig()))[3:] == [3] * 5


def test_frames_of_another_clock_do_not_count() -> None:
    frames = [frame(index, clock="unix" if index < 4 else "device") for index in range(9)]
    assert strides(frames, Pairing(PairingConfig()))[5:] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    "spent", [{"mean_strain": 0.016}, {"median_ncc": 0.84}, {"rejection": "too_much_motion"}], ids=str
)
def test_too_much_motion_shortens_the_interval_and_quiet_lengthens_it(spent: dict[str, Any]) -> None:
    pairing = Pairing(PairingConfig())
    frames = [frame(index, 60.0) for index in range(60)]
    assert strides(frames[:20], pairing)[-1] == 8
    shortened = strides(frames[20:40], pairing, **spent)
    assert shortened[-1] == 2
    assert strides(frames[40:], pairing)[-1] == 8


def test_lost_frames_are_bridged_and_a_long_hole_is_a_gap() -> None:
    frames = [frame(index) for index in (0, 1, 2, 3, 5, 6, 40, 41)]
    assert strides(frames, Pairing(PairingConfig())) == ["first", 1, 2, 3, 3, 3, "gap", 1]


def test_where_frames_are_skipped_those_that_were_used_before_are_preferred() -> None:
    """At 60 frames/s an engine that takes every third one pairs what it has prepared already."""
    pairing = Pairing(PairingConfig())
    frames = [frame(index, 60.0) for index in range(60)]
    found = []
    for post in frames[::3]:
        pair = pairing.choose(post, frames[: post.header.frame_index])
        pairing.report_outcome(pair, strain_header())
        found.append(post.header.frame_index - pair.pre.header.frame_index if pair.pre else None)
    assert found[-4:] == [9] * 4  # 8 would be nearer, and was never a post


def test_a_ring_that_is_too_small_for_the_interval_is_named() -> None:
    """Frames of 4 MB at 200 frames/s: the ring holds 11 before the newest, and the interval has 26."""
    config = PairingConfig()
    assert shortened_to(config, 11, 200.0) == (
        "pairs lie 0.055 s apart instead of 0.13 s: the frame ring keeps 11 frames: raise input.ring_bytes"
    )
    assert "at most 64 frames lie between" in shortened_to(config, 80, 900.0)
    for kept, rate in ((11, 25.0), (64, 200.0), (0, 200.0), (11, None)):
        assert shortened_to(config, kept, rate) == ""
    assert shortened_to(PairingConfig(mode="sequential"), 1, 200.0) == ""
