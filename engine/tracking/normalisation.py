"""What comes before the phase: frames over their own local amplitude, and a first guess of the motion.

Every engine that refines motion on canonical IQ starts here, on whatever runtime it goes on: `PhaseInputs`
are all that the phase passes need. NumPy only.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from engine.spec import FloatArray
from engine.tracking.coarse import ROWS_PER_CELL, Cells, CoarseSearch
from engine.tracking.iq import OVERSAMPLING, ROWS_PER_CYCLE, CanonicalIq, IqGrid
from engine.tracking.windows import Nodes

# lengths along depth are in cycles of a frame up to 250 cycles deep, and longer by a whole number beyond: a
# share of the depth then, so that the work hardly grows with the carrier
CYCLES = 250
PASSES = ((4.0, 2.0), (2.0, 1.0))  # window: cycles of depth, mm across; from robust to fine
LATERAL_BLUR = (20.0, 3.0)  # cycles, mm: lateral motion carries no phase, so it needs a larger window
NODE_CYCLES = 2
NODE_MM = 0.5
SKIP = 2  # the passes look at every second row only: a pulse is longer than that
ALL_ROWS = 750  # up to here products are computed on every row, beyond on every second: one per cycle
CARRIER_LINES = 2  # the carrier is measured on every second line: neighbours nearly agree
GAIN_MM = 5.0  # reach of the local gain that makes both frames comparable
COARSE_MM = 3.0  # window of the coarse search across
COARSE_CELL_MM = 0.5  # about a beam width
COARSE_REACH_MM = 2.0  # along depth, where that is more than 5 % of it

Array = TypeVar("Array")


class FrameInputs(NamedTuple, Generic[Array]):
    """What one frame brings to the phase passes."""

    planes: Array
    """(2, lines, OVERSAMPLING * rows): real and imaginary part over the frame's own local amplitude."""
    known: Array
    """(lines, rows): 1 where the frame has samples, 0 in dead rows. Part of an ONNX input name."""


class Start(NamedTuple, Generic[Array]):
    """Where the phase passes of one pair start."""

    axial: Array
    """(node lines, node rows) samples."""
    lateral: Array
    """(node lines, node rows) lines."""
    node_radians: Array
    """(node rows,) phase per sample of residual motion."""


class GridInputs(NamedTuple, Generic[Array]):
    """What depends on the canonical grid alone. Windows and interpolations are pairs of matrices."""

    pitch: Array
    """(1,) samples between two rows."""
    carrier: Array
    """(1,) radians per sample that were mixed down to zero."""
    lines: Array
    """(lines,) 0, 1, 2 ..."""
    seen: Array
    """(seen rows,): rows the passes look at."""
    left: Array
    """(left rows,): rows that products are left on."""
    across: Array
    """(lines, node lines): from nodes to lines."""
    to_seen: Array
    """(node rows, seen rows): from nodes to seen rows."""
    to_kept: Array
    """(node rows, left rows)"""
    first_across: Array
    """(node lines, lines): window of the first pass."""
    first_along: Array
    """(seen rows, node rows)"""
    second_across: Array
    """(node lines, lines): window of the second pass."""
    second_along: Array
    """(seen rows, node rows)"""
    smooth_across: Array
    """(node lines, node lines): what phases are smoothed with."""
    smooth_along: Array
    """(node rows, node rows)"""
    side_across: Array
    """(node lines, node lines): what the correlation with neighbouring lines is smoothed with."""
    side_along: Array
    """(node rows, node rows)"""


@dataclass(frozen=True, slots=True, eq=False)
class NormalisedFrame:
    """One frame, whether as pre or as post."""

    inputs: FrameInputs[FloatArray]
    lag_one: FloatArray
    """(2, rows) products of rows with their neighbours, summed over lines: the carrier's phase."""
    cells: Cells


class PairInitialiser:
    """Normalises frames of one canonical grid and starts their pairs. Holds constants only."""

    def __init__(
        self,
        grid: IqGrid,
        n_lines: int,
        line_pitch: float,
        sample_pitch: float,
        *,
        max_rows: int = ALL_ROWS,
    ) -> None:
        self.grid = grid
        lines_per_mm = 1e-3 / line_pitch
        rows_per_mm = 1e-3 / (sample_pitch * grid.pitch)
        self.every = 1 if grid.n_rows <= max_rows else 2
        """Row decimation of the output products: 1 up to `max_rows`, otherwise 2."""
        self.longer = max(1, round(grid.n_rows / ROWS_PER_CYCLE / CYCLES))
        gain_lines, gain_rows = GAIN_MM * lines_per_mm, GAIN_MM * rows_per_mm / self.longer
        n_gain_rows = len(range(0, grid.n_rows, self.longer))
        nodes = Nodes(n_lines, n_gain_rows, max(1, round(gain_lines / 4)), max(1, round(gain_rows / 4)))
        self.gain_window = nodes.window(gain_lines / 2, gain_rows / 2)
        self.spread_gain = nodes.at(np.arange(n_lines), np.arange(grid.n_rows) / self.longer)
        cell_lines = min(max(1, round(COARSE_CELL_MM * lines_per_mm)), n_lines // 2)
        self.coarse = CoarseSearch(
            n_lines, grid.n_rows, cell_lines, COARSE_MM * lines_per_mm, COARSE_REACH_MM * rows_per_mm
        )
        skip = SKIP * self.longer
        per_cycle = ROWS_PER_CYCLE / SKIP
        seen, left = np.arange(0, grid.n_rows, skip), np.arange(0, grid.n_rows, self.every)
        nodes = Nodes(
            n_lines, len(seen), max(1, round(NODE_MM * lines_per_mm)), round(NODE_CYCLES * per_cycle)
        )
        self.from_coarse = self.coarse.nodes.at(
            (nodes.lines + 0.5) / cell_lines - 0.5, (nodes.rows * skip + 0.5) / ROWS_PER_CELL - 0.5
        )
        self.node_row = np.rint(nodes.rows * skip).astype(np.intp)
        first, second = (nodes.window(mm * lines_per_mm, cycles * per_cycle) for cycles, mm in PASSES)
        smooth = nodes.blur(1.0 * lines_per_mm, 4.0 * per_cycle)
        side = nodes.blur(LATERAL_BLUR[1] * lines_per_mm, LATERAL_BLUR[0] * per_cycle)
        to_kept = nodes.at(np.arange(n_lines), left / skip)
        matrices = GridInputs(
            pitch=np.array([grid.pitch]),
            carrier=np.array([2 * np.pi * grid.frequency]),
            lines=np.arange(n_lines),
            seen=seen,
            left=left,
            across=nodes.spread.across.dense.T,
            to_seen=nodes.spread.along.dense,
            to_kept=to_kept.along.dense,
            first_across=first.across.dense.T,
            first_along=first.along.dense,
            second_across=second.across.dense.T,
            second_along=second.along.dense,
            smooth_across=smooth.across.dense.T,
            smooth_along=smooth.along.dense,
            side_across=side.across.dense.T,
            side_along=side.along.dense,
        )
        self.inputs = GridInputs(*(np.ascontiguousarray(values, np.float32) for values in matrices))
        """The part of the phase passes' inputs that never changes."""

    def normalise(self, frame: CanonicalIq) -> NormalisedFrame:
        """Divide a frame by its local amplitude, and take from it what every pair needs."""
        iq, valid = frame.iq, frame.valid
        some, present = iq[:, :: OVERSAMPLING * self.longer], valid[:, :: self.longer]
        power = np.square(some.real) + np.square(some.imag)
        power *= present
        power, share = self.gain_window.apply(np.stack((power, present)))
        power /= np.maximum(share, 1e-3)
        gain = self.spread_gain.apply(np.maximum(power, power.mean() * np.float32(1e-8) + np.float32(1e-30)))
        np.divide(valid, np.sqrt(gain, out=gain), out=gain)
        fine = np.empty((*valid.shape, OVERSAMPLING), np.float32)
        for step in range(OVERSAMPLING):
            fine[..., step] = gain
        fine = fine.reshape(iq.shape)
        planes = np.empty((2, *iq.shape), np.float32)
        np.multiply(iq.real, fine, out=planes[0])
        np.multiply(iq.imag, fine, out=planes[1])
        re, im = np.ascontiguousarray(planes[..., ::OVERSAMPLING])
        envelope = np.square(re)
        envelope += np.square(im)
        return NormalisedFrame(
            FrameInputs(planes, valid),
            self._lag_one(re[::CARRIER_LINES], im[::CARRIER_LINES]),
            self.coarse.cells(np.sqrt(envelope, out=envelope), valid),
        )

    def _lag_one(self, re: FloatArray, im: FloatArray) -> FloatArray:
        """Row times conjugate of the row before, summed over lines (2, rows)."""
        (a, b), (c, d) = ((plane[:, 1 :: self.longer], plane[:, : -1 : self.longer]) for plane in (re, im))
        return np.stack(
            [
                np.einsum("lr,lr->r", a, b) + np.einsum("lr,lr->r", c, d),
                np.einsum("lr,lr->r", c, b) - np.einsum("lr,lr->r", a, d),
            ]
        )

    def start(self, pre: NormalisedFrame, post: NormalisedFrame) -> tuple[Start[FloatArray], FloatArray]:
        """Motion from pre to post by envelope search, and radians per sample for every output row."""
        radians = self._carrier(pre.lag_one + post.lag_one)
        motion = self.from_coarse.apply(np.stack(self.coarse.search(pre.cells, post.cells)))
        motion[0] *= np.float32(self.grid.pitch)
        return Start(motion[0], motion[1], radians[self.node_row]), radians[:: self.every]

    def _carrier(self, lag_one: FloatArray) -> FloatArray:
        """Radians per sample for every row (Loupas)."""
        along = self.gain_window.along.dense[: lag_one.shape[1]]
        profile = lag_one @ along @ self.spread_gain.along.dense
        radians: FloatArray = np.arctan2(profile[1], profile[0])
        return radians / np.float32(self.grid.pitch) + np.float32(2 * np.pi * self.grid.frequency)
