"""Two frames to what phase passes start from; in a sequence every frame is prepared once. NumPy only."""

from dataclasses import dataclass

import numpy as np

from engine.spec import EngineSpec, FloatArray, FrameArray
from engine.tracking.iq import Band, IqGrid, IqTransform
from engine.tracking.normalisation import ALL_ROWS, NormalisedFrame, PairInitialiser, Start


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPair:
    """Both frames normalised on one canonical grid, and a first guess of the motion between them."""

    pre: NormalisedFrame
    """The very object that was `post` before, where this frame was."""
    post: NormalisedFrame
    start: Start[FloatArray]
    radians: FloatArray
    """Phase per sample of displacement, for every row that products are left on."""
    front: PairInitialiser
    """Of the grid: the same object until the measured carrier moves."""
    grid: IqGrid


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Cached last post frame; in a sequence it is the next pre frame, recognised by comparing samples."""

    frame: FrameArray
    band: Band
    grid: IqGrid
    normalised: NormalisedFrame


class Preparation:
    """Prepares pairs of one acquisition. One thread.

    `every_row`: products are left on every row, however deep the frame is in cycles.
    """

    def __init__(self, spec: EngineSpec, *, every_row: bool = False) -> None:
        self._spec = spec
        self._every_row = every_row
        self._transform = IqTransform(spec)
        self._front: PairInitialiser | None = None
        self._grid: IqGrid | None = None
        self._seen: _Seen | None = None

    def __call__(self, pre: FrameArray, post: FrameArray) -> PreparedPair:
        """Raises InvalidAcquisition for frames of another shape or kind, EstimateFailed for samples that are
        not finite and for frames without signal."""
        seen = self._seen if self._seen is not None and np.array_equal(self._seen.frame, pre) else None
        first = seen.band if seen is not None else self._transform.band(pre)
        second = self._transform.band(post)
        grid = self._transform.grid(self._transform.carrier(first), near=self._grid)
        front = self._front_of(grid)
        if seen is not None and seen.grid == grid:
            before = seen.normalised
        else:
            before = front.level(self._transform.demodulate(first, grid))
        after = front.level(self._transform.demodulate(second, grid))
        self._seen = _Seen(post.copy(), second, grid, after)
        start, radians = front.start(before, after)
        return PreparedPair(before, after, start, radians, front, grid)

    def reset(self) -> None:
        """Forget every earlier frame, so that the next grid depends on the next frame alone."""
        self._grid = self._seen = None

    def _front_of(self, grid: IqGrid) -> PairInitialiser:
        if self._front is None or grid != self._grid:
            spec = self._spec
            rows = grid.n_rows if self._every_row else ALL_ROWS
            self._front = PairInitialiser(
                grid, spec.shape[1], spec.line_pitch, spec.sample_pitch, max_rows=rows
            )
            self._grid = grid
        return self._front
