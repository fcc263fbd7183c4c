"""Which earlier frame a new one is compared with."""

from typing import Any

import numpy as np
import pytest

from streamer.config import PairingConfig
from streamer.frame import RfFrame
from streamer.pairing import FramePair, Pairing
from tests.echo_frames import SHAPE, rf_header
from tests.streamer.strain_headers import strain_header


def frame(index: int, **changes: Any) -> RfFrame:
    return RfFrame(rf_header(index, **changes), np.zeros(SHAPE, np.int16), 0.0)


def choose(pairing: Pairing, frames: list[RfFrame]) -> list[tuple[int | None, str | None]]:
    """(pre index, rejection) of every frame, all earlier ones still in memory."""
    pairs = [pairing.choose(post, frames[:number]) for number, post in enumerate(frames)]
    return [(pair.pre.header.frame_index if pair.pre else None, pair.rejection) for pair in pairs]


def stride(number: int) -> Pairing:
    return Pairing(PairingConfig(mode="stride", stride=number))


def test_sequential_pairs_are_neighbours() -> None:
    pairs = choose(Pairing(PairingConfig(mode="sequential")), [frame(3), frame(4), frame(6), frame(7)])
    assert pairs == [(None, "first"), (3, None), (None, "gap"), (6, None)]


def test_stride_counts_frames_not_arrivals() -> None:
    pairs = choose(stride(2), [frame(index) for index in (0, 1, 2, 4, 5)])
    assert pairs == [(None, "first"), (None, "first"), (0, None), (2, None), (None, "gap")]
    assert stride(3).history == 3
    assert (
        Pairing(PairingConfig(mode="sequential", stride=3)).reach == 1
    )  # a stride without its mode is no stride


def test_a_new_session_has_no_earlier_frame() -> None:
    frames = [frame(0), frame(1), frame(1, session_id="two"), frame(2, session_id="two")]
    assert choose(stride(1), frames) == [(None, "first"), (0, None), (None, "new_session"), (1, None)]


def test_two_sources_with_the_same_session_name_never_pair() -> None:
    frames = [frame(0), frame(1, source_id="other"), frame(2, source_id="other")]
    assert choose(stride(1), frames) == [(None, "first"), (None, "new_session"), (1, None)]


@pytest.mark.parametrize(
    "change",
    [{"line_pitch": 1e-4}, {"sampling_frequency": 41e6}, {"initial_time": 1e-6}, {"steering_angles": (0.1,)}],
    ids=str,
)
def test_a_changed_geometry_is_no_pair(change: dict[str, Any]) -> None:
    frames = [frame(0), frame(1, **change), frame(2, **change)]
    assert choose(stride(1), frames) == [(None, "first"), (None, "geometry_changed"), (1, None)]


def test_what_does_not_concern_the_estimator_is_no_change() -> None:
    assert choose(stride(1), [frame(0), frame(1, assumed=("x",), orientation="MFA")])[1] == (0, None)


def keyframe(**changes: Any) -> Pairing:
    return Pairing(PairingConfig(mode="keyframe", **changes))


def test_a_key_is_held_across_holes_and_forgotten_frames() -> None:
    pairing = keyframe()
    key = frame(0)
    assert pairing.choose(key, []).rejection == "first"
    for index in (1, 2, 5):
        pair = pairing.choose(frame(index), [])
        assert pair.pre is key
        pairing.report_outcome(pair, strain_header())
    assert pairing.key is key


@pytest.mark.parametrize(
    ("header", "spent"),
    [
        ({}, False),
        ({"rejection": "no_motion", "mean_strain": 0.0}, False),
        ({"rejection": "decorrelated", "mean_strain": None, "median_ncc": None}, True),
        ({"rejection": "engine_error", "mean_strain": None, "median_ncc": None}, True),
        ({"median_ncc": 0.86}, False),
        ({"median_ncc": 0.84}, True),
        ({"mean_strain": -0.014}, False),
        ({"mean_strain": -0.016}, True),
        ({"lateral_motion": 1.4}, False),
        ({"lateral_motion": -1.6}, True),
    ],
    ids=str,
)
def test_a_key_is_spent_for_each_of_its_limits(header: dict[str, Any], spent: bool) -> None:
    pairing = keyframe()
    pairing.choose(frame(0), [])
    pair = pairing.choose(frame(1), [])
    pairing.report_outcome(pair, strain_header(**header))
    assert pairing.key is (pair.post if spent else pair.pre)


def test_a_key_grows_too_old() -> None:
    pairing = keyframe(key_max_age=3)
    pairing.choose(frame(0), [])
    for index, kept in ((2, True), (3, False)):
        pair = pairing.choose(frame(index), [])
        pairing.report_outcome(pair, strain_header())
        assert (pairing.key is not pair.post) == kept


def test_a_new_session_or_geometry_takes_a_new_key() -> None:
    pairing = keyframe()
    pairing.choose(frame(0), [])
    assert pairing.choose(frame(1, line_pitch=1e-4), []).rejection == "geometry_changed"
    assert pairing.key is not None
    assert pairing.key.header.frame_index == 1
    assert pairing.choose(frame(0, session_id="two"), []).rejection == "new_session"
    assert pairing.key.header.session_id == "two"


def test_the_other_modes_hold_nothing() -> None:
    pairing = Pairing(PairingConfig())
    pair = pairing.choose(frame(0), [])
    pairing.report_outcome(pair, strain_header(rejection="decorrelated"))
    pairing.report_outcome(FramePair(frame(0), frame(1), None), strain_header(rejection="decorrelated"))
    assert pairing.key is None


def test_auto_takes_the_nearest_frame_it_has_and_learns_to_go_further() -> None:
    pairing = Pairing(PairingConfig(mode="auto", max_stride=4))
    assert pairing.history == 4
    frames = [frame(index) for index in range(12)]
    strides = []
    for number, post in enumerate(frames):
        pair = pairing.choose(post, frames[max(0, number - 4) : number])
        if pair.pre is None:
            assert pair.rejection == "first"
            continue
        stride = post.header.frame_index - pair.pre.header.frame_index
        strides.append(stride)
        pairing.report_outcome(pair, strain_header(mean_strain=0.001 * stride, predicted_snre=0.5 * stride))
    assert strides[0] == 1
    assert strides[-1] == 4
    lost = pairing.choose(frame(13), [frames[10], frames[11]])  # 9 and 12 are missing
    assert lost.pre is frames[10]
