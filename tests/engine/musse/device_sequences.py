"""Sequences of frames for chains, and how far the maps of two chains are apart."""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from engine.musse.chain import Chain
from engine.musse.program_io import MIN_COVERAGE
from engine.spec import EngineSpec, FloatArray, FrameArray
from tests.engine.moved_scatterers import Pulse, make_pair

SPEC: Final = EngineSpec(shape=(900, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
CORRELATED: Final = 0.5  # ncc: below, the search picks a peak by rounding

PRODUCTS: Final = {"convolution", "conv1d", "conv2d", "conv_transpose2d", "matmul", "mm", "bmm"}

Pairs = Iterable[tuple[FrameArray, FrameArray]]


@cache
def still(center_frequency: float = SPEC.center_frequency) -> FloatArray:
    pulse = Pulse(cycles_per_sample=center_frequency / SPEC.sampling_frequency)
    return make_pair(lambda z, x: 0.0 * z, shape=SPEC.shape, pulse=pulse).pre


@cache
def pressed(count: int, center_frequency: float = SPEC.center_frequency) -> tuple[FrameArray, ...]:
    """int16 frames of a hand that presses and lets go by 0.4 %."""
    depth = np.arange(SPEC.shape[0])
    frame = still(center_frequency)
    noise = np.random.default_rng(0)
    frames = []
    for level in 0.004 * np.sin(np.arange(count) * 0.7):
        moved = np.array([np.interp(depth * (1 + level), depth, line) for line in frame.T]).T
        moved += 0.02 * noise.standard_normal(moved.shape)
        frames.append(np.rint(1000 * moved).astype(np.int16))
    return tuple(frames)


def pairs(frames: Iterable[FrameArray], stride: int = 1) -> list[tuple[FrameArray, FrameArray]]:
    frames = list(frames)
    return list(zip(frames, frames[stride:], strict=False))


def dead_rows() -> list[tuple[FrameArray, FrameArray]]:
    """The last rows and one line are zero; the rest has a converter's offset."""
    frames = [frame + np.int16(300) for frame in pressed(8)]
    for frame in frames:
        frame[-120:] = 0
        frame[:, 5] = 0
    return pairs(frames)


def carrier_jump() -> list[tuple[FrameArray, FrameArray]]:
    """The probe changes its transmit frequency and back again."""
    other = pressed(4, 6.3e6)
    return pairs([*pressed(4), *other, *pressed(4)])


SEQUENCES: Final = {
    "64 pairs": lambda: pairs(pressed(65)),
    "stride 3": lambda: pairs(pressed(20), 3),
    "dead rows": dead_rows,
    "carrier jump": carrier_jump,
}


def difference(chain: Chain, expected: Chain, sequence: Pairs) -> float:
    """The largest difference in strain on correlated pixels, in standard deviations of strain."""
    worst = 0.0
    for pre, post in sequence:
        (maps, cells), (wanted, grid) = chain.maps(pre, post), expected.maps(pre, post)
        assert np.array_equal(cells.axial_index, grid.axial_index)
        good = (wanted.ncc > CORRELATED) & (wanted.coverage > MIN_COVERAGE)
        if good.any():
            sigma = np.median(wanted.strain_std[good])
            worst = max(worst, float(np.abs(maps.strain - wanted.strain)[good].max() / sigma))
    return worst


class Tf32(TorchDispatchMode):
    """Rounds the factors of every product to the ten bits of mantissa that TF32 has."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.overloadpacket.__name__ in PRODUCTS:
            args = tuple(self._rounded(value) if isinstance(value, Tensor) else value for value in args)
        return function(*args, **(kwargs or {}))

    @staticmethod
    def _rounded(value: Tensor) -> Tensor:
        if value.dtype != torch.float32:
            return value
        bits = value.contiguous().view(torch.int32)
        return ((bits + 0x0FFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)
