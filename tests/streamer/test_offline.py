"""The frame loop: admitted frames make pairs, and the key frame outlives its pair."""

from collections.abc import Sequence

import pytest

from engine.factory import load
from streamer.config import Config
from streamer.errors import MessageRefused
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion, engine_spec
from streamer.headers import RfHeader
from streamer.offline import next_message, strain_messages
from streamer.pairing import FramePair, Pairing
from streamer.step import StrainMessage, StrainStep
from tests.echo_frames import STRAIN, echoes, rf_header


def frame(index: int, strain: float = STRAIN, **changes: object) -> RfFrame:
    return RfFrame(rf_header(index, **changes), echoes(strain * index), received=0.0)


def run(frames: Sequence[RfFrame], **pairing: object) -> tuple[list[StrainMessage], list[tuple[int, str]]]:
    config = Config.model_validate({"pairing": pairing})
    header = frames[0].header
    region = FrameRegion.whole(header)
    step = StrainStep(load("trivial")(engine_spec(header, region, config), "cpu"), region, config)
    refused: list[tuple[int, str]] = []

    def note(header: RfHeader, error: MessageRefused) -> None:
        refused.append((header.frame_index, error.reason))

    return list(strain_messages(frames, config, step, note)), refused


def pairs_of(messages: Sequence[StrainMessage]) -> list[tuple[int | None, int]]:
    return [(message.header.pre_index, message.header.post_index) for message in messages]


def test_frames_that_the_node_refuses_make_no_pair() -> None:
    frames = [frame(0), frame(1), frame(1), frame(0), frame(2, status="LIFTED"), frame(3), frame(4)]
    messages, refused = run(frames, mode="sequential")
    assert refused == [(1, "duplicate"), (0, "backwards"), (2, "bad_status")]
    assert pairs_of(messages) == [(None, 0), (0, 1), (None, 3), (3, 4)]
    assert [message.header.rejection for message in messages] == ["first", None, "gap", None]


def test_a_stride_pairs_over_as_many_frames() -> None:
    messages, _ = run([frame(index) for index in range(5)], mode="stride", stride=2)
    assert pairs_of(messages) == [(None, 0), (None, 1), (0, 2), (1, 3), (2, 4)]


def test_a_key_frame_is_kept_until_it_is_spent() -> None:
    messages, _ = run([frame(index, strain=0.001) for index in range(6)], mode="keyframe", key_max_age=3)
    assert pairs_of(messages) == [(None, 0), (0, 1), (0, 2), (0, 3), (3, 4), (3, 5)]


class Lent:
    """A source that counts the frames on loan."""

    def __init__(self) -> None:
        self.out = 0

    def next_pair(self, choose: object, timeout: float) -> FramePair | None:
        self.out += 1
        return FramePair(None, frame(0), "first")

    def give_back(self, pair: FramePair, key: RfFrame | None) -> None:
        self.out -= 1


def test_a_pair_is_given_back_when_its_computation_is_broken_off() -> None:
    source = Lent()

    def interrupted(pair: FramePair) -> StrainMessage:
        assert source.out == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next_message(source, Pairing(Config().pairing), interrupted)
    assert source.out == 0
