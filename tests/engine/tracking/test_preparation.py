"""Every frame is prepared once, whatever pairs it is part of."""

from collections import Counter

import numpy as np
import pytest

from engine.spec import EngineSpec, FrameArray
from engine.tracking import preparation
from engine.tracking.frame_memory import FrameMemory, capacity_for
from engine.tracking.iq import Band, IqTransform
from engine.tracking.preparation import Preparation
from tests.engine.moved_scatterers import make_pair

SPEC = EngineSpec(shape=(400, 12), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)


def frames(count: int) -> list[FrameArray]:
    generator = np.random.default_rng(0)
    still = make_pair(lambda z, x: 0.0 * z, shape=SPEC.shape).pre
    return [(still + 0.05 * generator.standard_normal(SPEC.shape)).astype(np.float32) for _ in range(count)]


def transforms(monkeypatch: pytest.MonkeyPatch, pairs: list[tuple[int, int]]) -> Counter[int]:
    """How often the band of each frame was computed over these pairs."""
    sequence = frames(1 + max(post for _, post in pairs))
    counts: Counter[int] = Counter()
    band = IqTransform.band

    def counting(self: IqTransform, frame: FrameArray) -> Band:
        counts[next(k for k, candidate in enumerate(sequence) if candidate is frame)] += 1
        return band(self, frame)

    monkeypatch.setattr(IqTransform, "band", counting)
    preparation = Preparation(SPEC)
    for pre, post in pairs:
        preparation.prepare(sequence[pre], sequence[post])
    return counts


def strided(stride: int) -> list[tuple[int, int]]:
    return [(k, k + stride) for k in range(24)]


@pytest.mark.parametrize("stride", [1, 3, 16])
def test_a_frame_is_prepared_once_at_any_stride(monkeypatch: pytest.MonkeyPatch, stride: int) -> None:
    assert set(transforms(monkeypatch, strided(stride)).values()) == {1}


def test_the_key_frame_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(transforms(monkeypatch, [(0, post) for post in range(1, 9)]).values()) == {1}


def test_the_count_notices_a_memory_of_the_last_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "capacity_for", lambda shape: 2)
    assert max(transforms(monkeypatch, strided(3)).values()) == 2


def test_what_is_remembered_is_what_would_be_computed() -> None:
    sequence = frames(8)
    preparation = Preparation(SPEC)
    for pre, post in [(0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (7, 0)]:
        kept = preparation.prepare(sequence[pre], sequence[post])
        fresh = Preparation(SPEC).prepare(sequence[pre], sequence[post])
        for one, other in zip((*kept.start, kept.radians), (*fresh.start, fresh.radians), strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(kept.pre.inputs.planes, fresh.pre.inputs.planes)
        assert np.array_equal(kept.post.inputs.planes, fresh.post.inputs.planes)


def test_a_frame_changed_in_one_sample_is_another_frame() -> None:
    memory: FrameMemory[str] = FrameMemory(2)
    (frame,) = frames(1)
    assert memory.update(frame, "first") is None
    changed = frame.copy()
    changed[5, 3] += 1.0
    assert memory.find(frame.copy()) == "first"
    assert memory.find(changed) is None
    frame[:] = 0.0  # the caller's own array
    assert memory.find(frame) is None


def test_the_oldest_frame_goes_first_unless_another_is_not_kept() -> None:
    memory: FrameMemory[int] = FrameMemory(2)
    a, b, c, d = frames(4)
    memory.update(a, 0)
    memory.update(b, 1, keep=False)
    assert memory.update(c, 2) == 1
    assert memory.update(d, 3) == 0
    assert memory.find(c) == 2


def test_memory_is_bounded_in_bytes() -> None:
    assert capacity_for((800, 96)) == 66  # the longest stride, its frames and one to spare
    assert 2 <= capacity_for((4000, 512)) < capacity_for((2000, 128)) < 66
    assert capacity_for((20000, 2000)) == 2
