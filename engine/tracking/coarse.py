"""Coarse motion from envelopes: windowed correlation over all shifts, then the best path along depth.

An envelope has no carrier, so it cannot skip a cycle; it is only good to a fraction of a pulse length,
which is what the phase needs to start from. Two steps, so that the work hardly grows with the cycles in a
frame: all shifts on cells that are a share of the depth, then a few more on cells of one cycle.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.spec import FloatArray
from engine.tracking.iq import ROWS_PER_CYCLE
from engine.tracking.windows import Nodes

MAX_AXIAL_SHARE = 0.055  # of the depth: 5 % strain over all of it, and some play
MAX_LATERAL_LINES = 4  # 3 lines, and one for the parabola
ROWS_PER_CELL = ROWS_PER_CYCLE  # one near cell per cycle of the carrier
FAR_CELLS = 125  # along depth, about
NEAR_CELLS = 300  # along depth; for what lies deeper in cycles windows are longer and nodes further apart
WINDOW_CELLS = 8.0  # full width at half maximum: 5 % strain moves its ends apart by less than half a cell
NODE_CELLS = 4
NEAR_WINDOW_CELLS = 16.0  # frames are aligned by then: strain moves its ends apart no longer
NEAR_SMOOTH = 1.5  # windows across: at 1.0 the kernel reaches zero one window away: no smoothing
PLAY = 0.5  # of a far cell: as much may the first step be wrong
LAST_REACH = 2  # cells
TINY = np.float32(1e-20)
STEP_COST = 0.15  # of correlation, for a change of one cell between neighbouring nodes (25 % strain)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Envelope of one frame on cells (cols, cells), compressed so that no single echo rules."""

    far: FloatArray
    near: FloatArray


class CoarseSearch:
    """Motion at coarse nodes, within 3 lines and `reach` rows or 5 % of the depth, whichever is more.

    Built once per canonical grid; holds constants only.
    """

    def __init__(self, n_lines: int, n_rows: int, cell_lines: int, window_lines: float, reach: float) -> None:
        self.cell_lines = cell_lines
        self.n_cols, self.n_near = n_lines // cell_lines, n_rows // ROWS_PER_CELL
        self.per_far = max(1, round(self.n_near / FAR_CELLS))
        self.n_far = self.n_near // self.per_far
        width = max(window_lines / cell_lines, 1.0)
        max_side = -(-MAX_LATERAL_LINES // cell_lines)
        # both ends of a shift overlap by half the frame at least: less is not significant
        max_lag = min(
            max(MAX_AXIAL_SHARE * self.n_far, reach / (ROWS_PER_CELL * self.per_far)), self.n_far / 2
        )
        self.far = ExhaustiveSearch(self.n_cols, self.n_far, max_side, int(max_lag) + 2, width)
        self.near = RefinementSearch(self.n_cols, self.n_near, width)
        self.reach = int(PLAY * self.per_far) + 2
        self.nodes = self.near.nodes
        """Over near cells: cell k covers rows k * ROWS_PER_CELL onwards."""
        in_far = self._in_far(np.arange(self.n_near))
        self.spread = self.far.nodes.at(np.arange(self.n_cols), in_far)
        self.at_nodes = self.far.nodes.at(self.nodes.lines, self._in_far(self.nodes.rows))
        self.cell = np.arange(self.n_near, dtype=np.float32)[None]
        self.col = np.arange(self.n_cols, dtype=np.float32)[:, None]

    def _in_far(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """Positions in far cells of positions in near cells."""
        return (cells + 0.5) / self.per_far - 0.5

    def cells(self, envelope: FloatArray, valid: FloatArray) -> Cells:
        """What is compared of one frame, from its envelope and where it holds samples, both (lines, rows)."""
        lines, rows = self.n_cols * self.cell_lines, self.n_near * ROWS_PER_CELL
        near = np.empty((2, self.n_cols, self.n_near), np.float32)
        for total, values in zip(near, (np.sqrt(envelope), valid), strict=True):
            used = values[:lines, :rows]
            by_row = used[:, ::2] + used[:, 1::2]  # ROWS_PER_CELL of them
            np.sum(by_row.reshape(self.n_cols, self.cell_lines, self.n_near), axis=1, out=total)
        whole = near[..., : self.n_far * self.per_far]
        far = whole.reshape(2, self.n_cols, self.n_far, self.per_far).sum(axis=3)
        return Cells(self.far.mean.removed(far), self.near.mean.removed(near))

    def search(self, pre: Cells, post: Cells) -> tuple[FloatArray, FloatArray]:
        """Axial motion in rows and lateral motion in lines at `nodes`."""
        motion = self.far.search(pre.far, post.far)
        motion[0] *= self.per_far
        axial, lateral = self.spread.apply(motion)
        at_nodes, lateral_at_nodes = self.at_nodes.apply(motion)
        # twice: what the far cells got wrong changes with depth, and blurs the first peak
        for reach in (self.reach, LAST_REACH):
            moved = bilinear(post.near, self.col + lateral, self.cell + axial)
            at_nodes = self.near.search(pre.near, moved, at_nodes, reach)
            axial = self.nodes.spread.apply(at_nodes)
        return at_nodes * ROWS_PER_CELL, lateral_at_nodes * self.cell_lines


class LocalMean:
    """The mean of cells over their neighbourhood."""

    def __init__(self, n_cols: int, n_cells: int, width: float) -> None:
        self.nodes = Nodes(n_cols, n_cells, max(1, round(width)), round(WINDOW_CELLS))
        self.window = self.nodes.window(2 * width, 2 * WINDOW_CELLS)

    def removed(self, maps: FloatArray) -> FloatArray:
        """Cells (cols, cells) without it, from cells and their shares that hold samples (2, cols, cells).

        Dead cells stay 0: an edge that does not move with the tissue must not show.
        """
        total, filled = self.window.apply(maps)
        mean = self.nodes.spread.apply(total / (filled + 1e-3))
        mean *= maps[1]
        removed: FloatArray = np.subtract(maps[0], mean, out=mean)
        return removed


class ExhaustiveSearch:
    """All shifts, in cells and columns."""

    def __init__(self, n_cols: int, n_cells: int, max_side: int, max_lag: int, width: float) -> None:
        self.max_side, self.max_lag = max_side, max_lag
        self.shape = (n_cols, n_cells)
        self.mean = LocalMean(n_cols, n_cells, width)
        self.nodes = Nodes(n_cols, n_cells, max(1, round(width)), NODE_CELLS)
        self.sum = self.nodes.window(width, WINDOW_CELLS)
        padded = (n_cols + 2 * max_side, n_cells + 2 * max_lag)
        self.everywhere = Nodes(*padded, 1, 1).window(width, WINDOW_CELLS)
        self.line_at = np.rint(self.nodes.lines).astype(np.intp)
        self.row_at = np.rint(self.nodes.rows).astype(np.intp)
        self.smooth = self.nodes.blur(width, 2.0 * NODE_CELLS)

    def search(self, a: FloatArray, post: FloatArray) -> FloatArray:
        """(2, *nodes.shape): axial and lateral motion in cells and columns."""
        side, lag = self.max_side, self.max_lag
        b = np.pad(post, ((side, side), (lag, lag)))
        shifts = sliding_window_view(b, self.shape)  # (sides, lags, cols, cells)
        products = np.empty(shifts.shape[1:], np.float32)
        score = np.empty((*shifts.shape[:2], *self.nodes.shape), np.float32)
        for into, shifted in zip(score, shifts, strict=True):
            np.multiply(a, shifted, out=products)
            into[...] = self.sum.apply(products)
        # the energy of shifted post is its windowed energy, shifted: no second set of products
        everywhere = sliding_window_view(self.everywhere.apply(b * b), self.shape)
        energy = everywhere[..., self.line_at[:, None], self.row_at]
        correlate(score, self.sum.apply(a * a), energy)
        axial, lateral, top = self._refine(score, self._along_depth(score))
        weight = np.maximum(top, 0.05) ** 2
        smooth = self.smooth.apply(np.stack((axial * weight, lateral * weight, weight)))
        motion: FloatArray = smooth[:2] / smooth[2]
        return motion

    def _along_depth(self, score: FloatArray) -> FloatArray:
        """Sum of the best path through every state, from both ends of each line of nodes."""
        n_lines = score.shape[2]
        by_row = score.transpose(3, 0, 1, 2)
        states = np.concatenate((by_row, by_row[::-1]), axis=3)  # (rows, sides, lags, 2 * node lines)
        _, sides, lags, columns = states.shape
        framed = np.full((sides + 2, lags + 2, columns), -np.inf, np.float32)
        here = framed[1:-1, 1:-1]
        one, other = np.empty_like(states[0]), np.empty_like(states[0])
        here[...] = states[0]
        for row in range(1, len(states)):
            np.maximum(framed[1:-1, :-2], framed[1:-1, 2:], out=one)
            np.maximum(framed[:-2, 1:-1], framed[2:, 1:-1], out=other)
            np.maximum(one, other, out=one)
            one -= STEP_COST
            np.maximum(one, here, out=one)
            states[row] += one
            here[...] = states[row]
        both = states[..., :n_lines] + states[::-1, ..., n_lines:]
        path: FloatArray = both.transpose(1, 2, 3, 0) - score
        return path

    def _refine(self, score: FloatArray, path: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        sides, lags = score.shape[:2]
        flat = path.reshape(sides * lags, *path.shape[2:]).argmax(axis=0)
        side = np.clip(flat // lags, 1, sides - 2)
        lag = np.clip(flat % lags, 1, lags - 2)
        line, row = np.ogrid[: score.shape[2], : score.shape[3]]
        top = score[side, lag, line, row]
        axial = parabola(score[side, lag - 1, line, row], top, score[side, lag + 1, line, row])
        lateral = parabola(score[side - 1, lag, line, row], top, score[side + 1, lag, line, row])
        axial += (lag - self.max_lag).astype(np.float32)
        lateral += (side - self.max_side).astype(np.float32)
        return axial, lateral, top


class RefinementSearch:
    """A few shifts along depth of frames that are already aligned to about a far cell."""

    def __init__(self, n_cols: int, n_cells: int, width: float) -> None:
        longer = max(1, round(n_cells / NEAR_CELLS))
        node_cells = NODE_CELLS * longer
        self.n_cells = n_cells
        self.mean = LocalMean(n_cols, n_cells, width)
        self.nodes = Nodes(n_cols, n_cells, max(1, round(width)), node_cells)
        self.skip = min(longer, 2)  # longer windows hold enough cells of pre to pass over some
        self.sum = self.nodes.window(width, NEAR_WINDOW_CELLS * (1 + longer) / 2, self.skip)
        self.smooth = self.nodes.blur(NEAR_SMOOTH * width, 2.0 * node_cells)

    def search(self, pre: FloatArray, moved: FloatArray, before: FloatArray, reach: int) -> FloatArray:
        """Axial motion at the nodes, in cells: `before`, by which post was moved, and what is left.

        The sum is smoothed, not what is left alone: that would leave the noise of `before` as it is.
        """
        a = pre[:, :: self.skip]
        padded = np.pad(moved, ((0, 0), (reach, reach)))
        shifts, squares = (
            sliding_window_view(maps, self.n_cells, axis=1)[..., :: self.skip].transpose(1, 0, 2)
            for maps in (padded, self.sum.across.before(np.square(padded)))
        )
        score = self.sum.apply(a * shifts)  # (lags, node lines, node rows)
        correlate(score, self.sum.apply(np.square(a)), self.sum.along.after(squares))
        lag = score[1:-1].argmax(axis=0)[None] + 1
        left, top, right = (np.take_along_axis(score, lag + step, axis=0)[0] for step in (-1, 0, 1))
        remaining = parabola(left, top, right)
        remaining += (lag[0] - reach).astype(np.float32)
        weight = np.maximum(top, 0.05) ** 2
        total, weights = self.smooth.apply(np.stack(((before + remaining) * weight, weight)))
        axial: FloatArray = total / weights
        return axial


def correlate(products: FloatArray, pre: FloatArray, post: FloatArray) -> None:
    """Divide sums of products by the root of both energies, in place; 0 where there is none."""
    energy = pre * post
    energy += np.float32(1e-6) * pre.mean() ** 2 + TINY
    products /= np.sqrt(energy, out=energy)


def parabola(left: FloatArray, top: FloatArray, right: FloatArray) -> FloatArray:
    """Position of the peak of a parabola through three values at -1, 0, 1, limited to one half."""
    curvature = np.maximum(2 * top - left - right, 1e-6)
    position: FloatArray = np.clip(0.5 * (right - left) / curvature, -0.5, 0.5)
    return position


def bilinear(values: FloatArray, lines: FloatArray, rows: FloatArray) -> FloatArray:
    """Values of a map (lines, rows) at real-valued positions, maps of one shape; 0 outside."""
    n_lines, n_rows = values.shape
    width = n_rows + 2
    framed = np.zeros((n_lines + 2, width), np.float32)
    framed[1:-1, 1:-1] = values
    flat = framed.ravel()
    line, row = np.clip(np.floor(lines), -1, n_lines - 1), np.clip(np.floor(rows), -1, n_rows - 1)
    corner = (line + 1).astype(np.intp) * width + (row + 1).astype(np.intp)
    down, aside = np.clip(rows - row, 0, 1), np.clip(lines - line, 0, 1)
    near, far = (
        first + down * (second - first)
        for first, second in (
            (flat.take(corner + step), flat.take(corner + (step + 1))) for step in (0, width)
        )
    )
    return np.asarray(near + aside * (far - near))
