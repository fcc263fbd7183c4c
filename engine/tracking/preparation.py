"""Two frames to what phase passes start from; in a sequence every frame is prepared once. NumPy only."""

from dataclasses import dataclass

from engine.spec import EngineSpec, FloatArray, FrameArray
from engine.tracking.frame_memory import FrameMemory, capacity_for
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


@dataclass(slots=True, eq=False)
class _Prepared:
    """What was computed of one frame."""

    carrier: float
    band: Band | None
    """Until the frame is normalised."""
    grid: IqGrid | None = None
    normalised: NormalisedFrame | None = None
    """On `grid`."""


class Preparation:
    """Prepares pairs of one acquisition; a frame in several pairs is prepared once, at any stride up to 64.

    Fewer frames are remembered where they need more than `frame_memory.MAX_BYTES`.

    `every_row`: products are computed on every row, however deep the frame is in cycles. One thread.
    """

    def __init__(self, spec: EngineSpec, *, every_row: bool = False) -> None:
        self._spec = spec
        self._every_row = every_row
        self._transform = IqTransform(spec)
        self._front: PairInitialiser | None = None
        self._grid: IqGrid | None = None
        self._memory: FrameMemory[_Prepared] = FrameMemory(capacity_for(spec.shape))

    def prepare(self, pre: FrameArray, post: FrameArray) -> PreparedPair:
        """What tracking starts from.

        Raises InvalidAcquisition for frames of another shape or kind, EstimateFailed for samples that are not
        finite and for frames without signal.
        """
        first, second = self._measured(pre, keep=False), self._measured(post, keep=True)
        grid = self._transform.grid(first.carrier, near=self._grid)
        front = self._front_of(grid)
        before, after = self._normalised(pre, first, front), self._normalised(post, second, front)
        start, radians = front.start(before, after)
        self._grid = grid
        return PreparedPair(before, after, start, radians, front, grid)

    def reset(self) -> None:
        """Forget every earlier frame, so that the next grid depends on the next frame alone."""
        self._grid = None
        self._memory.clear()

    def _measured(self, frame: FrameArray, *, keep: bool) -> _Prepared:
        """What is known of a frame; its carrier at least."""
        if (found := self._memory.find(frame)) is not None:
            return found
        band = self._transform.band(frame)
        prepared = _Prepared(self._transform.carrier(band), band)
        self._memory.update(frame, prepared, keep=keep)
        return prepared

    def _normalised(self, frame: FrameArray, prepared: _Prepared, front: PairInitialiser) -> NormalisedFrame:
        """A frame on the current grid."""
        if prepared.normalised is None or prepared.grid != front.grid:
            band = prepared.band or self._transform.band(frame)
            prepared.normalised = front.normalise(self._transform.demodulate(band, front.grid))
            prepared.grid, prepared.band = front.grid, None
        return prepared.normalised

    def _front_of(self, grid: IqGrid) -> PairInitialiser:
        if self._front is None or grid != self._front.grid:  # a reset keeps what depends on the grid alone
            spec = self._spec
            rows = grid.n_rows if self._every_row else ALL_ROWS
            self._front = PairInitialiser(
                grid, spec.shape[1], spec.line_spacing, spec.sample_pitch, max_rows=rows
            )
        return self._front
