"""Recorded frames as scenes without truth, so that training draws from them as from simulated ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.errors import EstimateFailed
from engine.musse.cells import CellGrid, cell_grid
from engine.spec import EngineSpec, FrameArray
from engine.tracking.iq import IqTransform
from engine.training.data.pool import PoolFigures
from engine.training.data.samples import Pair, Samples, track_frames
from engine.training.data.scenes import FRAMES

CONSECUTIVE: tuple[Pair, ...] = tuple(pairwise(range(FRAMES)))
STRIDED: tuple[Pair, ...] = tuple((k, k + 2) for k in range(FRAMES - 2))
HELD_BACK_EVERY = 4  # blocks: a quarter is only looked at


@dataclass(frozen=True, slots=True, eq=False)
class FrameBlock:
    """`FRAMES` consecutive frames of a recording, tracked: `CONSECUTIVE` pairs, then `STRIDED` ones."""

    samples: Samples
    grid: CellGrid


class RecordedScenes:
    """Blocks of recordings as `engine.training.data.batches.Scenes`."""

    def __init__(self, blocks: Sequence[FrameBlock]) -> None:
        self._blocks = blocks
        self.figures = PoolFigures()

    def scene(self, index: int) -> Samples:
        """See `Scenes`."""
        return self._blocks[index].samples


def block_of(frames: Sequence[FrameArray], spec: EngineSpec) -> FrameBlock:
    """Track `FRAMES` frames. EstimateFailed: they have no carrier; ValueError: another count."""
    if len(frames) != FRAMES:
        raise ValueError(f"a block has {FRAMES} frames, not {len(frames)}")
    samples = track_frames(frames, spec, (*CONSECUTIVE, *STRIDED), kind="recorded")
    transform = IqTransform(spec)
    grid = transform.grid(transform.carrier(transform.band(frames[0])))
    return FrameBlock(samples, cell_grid(grid, spec.shape[1], spec.line_spacing))


def split(blocks: Sequence[FrameBlock]) -> tuple[list[FrameBlock], list[FrameBlock]]:
    """(for training, held out): every `HELD_BACK_EVERY`th is held out, the second one first.

    Blocks share no frame, so that neither do the parts. Raises EstimateFailed for fewer than 2.
    """
    if len(blocks) < 2:
        raise EstimateFailed(
            f"{len(blocks)} usable blocks of {FRAMES} consecutive frames: adapting needs at least 2"
        )
    held_out = [block for k, block in enumerate(blocks) if k % HELD_BACK_EVERY == 1]
    return [block for k, block in enumerate(blocks) if k % HELD_BACK_EVERY != 1], held_out
