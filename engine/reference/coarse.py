"""Coarse motion from envelopes: windowed correlation over all shifts, then the best path along depth.

An envelope has no carrier, so it cannot skip a cycle; it is only good to a fraction of a pulse length,
which is what the phase needs to start from. Two steps, so that the work hardly grows with the cycles in a
frame: all shifts on cells that are a share of the depth, then a few more on cells of one cycle.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from engine.reference.windows import Nodes, Window
from engine.warp import warp

MAX_AXIAL_SHARE = 0.055  # of the depth: 5 % strain over all of it, and some play
MAX_LATERAL_LINES = 4  # 3 lines, and one for the parabola
ROWS_PER_CELL = 2  # one near cell per cycle of the carrier
FAR_CELLS = 125  # along depth, about
NEAR_CELLS = 300  # along depth; for what lies deeper in cycles windows are longer and nodes further apart
WINDOW_CELLS = 8.0  # full width at half maximum: 5 % strain moves its ends apart by less than half a cell
NODE_CELLS = 4
NEAR_WINDOW_CELLS = 16.0  # frames are aligned by then: strain moves its ends apart no longer
NEAR_SMOOTH = 1.5  # windows across: with 1.0 neighbouring nodes, a window apart, had no say
PLAY = 0.5  # of a far cell: as much may the first step be wrong
LAST_REACH = 2  # cells
TINY = 1e-20
STEP_COST = 0.15  # of correlation, for a change of one cell between neighbouring nodes (25 % strain)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Envelope of one frame on cells (cols, cells), compressed so that no single echo rules."""

    far: Tensor
    near: Tensor


class CoarseSearch:
    """Motion at coarse nodes, within 5 % of the depth and 3 lines. Built once per canonical grid."""

    def __init__(
        self, n_lines: int, n_rows: int, cell_lines: int, window_lines: float, device: torch.device
    ) -> None:
        self._cell_lines = cell_lines
        self._n_cols, self._n_near = n_lines // cell_lines, n_rows // ROWS_PER_CELL
        self._per_far = max(1, round(self._n_near / FAR_CELLS))
        self._n_far = self._n_near // self._per_far
        width = max(window_lines / cell_lines, 1.0)
        max_side = -(-MAX_LATERAL_LINES // cell_lines)
        self._far = FarSearch(self._n_cols, self._n_far, max_side, width, device)
        self._near = NearSearch(self._n_cols, self._n_near, width, device)
        self._reach = int(PLAY * self._per_far) + 2
        self.nodes = self._near.nodes
        """Over near cells: cell k covers rows k * ROWS_PER_CELL onwards."""
        in_far = self._in_far(np.arange(self._n_near))
        self._spread = self._far.nodes.at(np.arange(self._n_cols), in_far)
        self._at_nodes = self._far.nodes.at(self.nodes.lines, self._in_far(self.nodes.rows))
        self._cell = torch.arange(self._n_near, device=device, dtype=torch.float32)[None]
        self._col = torch.arange(self._n_cols, device=device, dtype=torch.float32)[:, None]

    def _in_far(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """Positions in far cells of positions in near cells."""
        return (cells + 0.5) / self._per_far - 0.5

    def cells(self, envelope: Tensor, known: Tensor) -> Cells:
        """What is compared of one frame, from its envelope and where it holds samples, both (lines, rows)."""
        maps = torch.stack((envelope.sqrt(), known))
        used = maps[:, : self._n_cols * self._cell_lines, : self._n_near * ROWS_PER_CELL]
        by_row = used[..., ::2] + used[..., 1::2]  # ROWS_PER_CELL of them
        near = by_row.view(2, self._n_cols, self._cell_lines, self._n_near).sum(dim=2)
        whole = near[..., : self._n_far * self._per_far]
        far = whole.reshape(2, self._n_cols, self._n_far, self._per_far).sum(dim=3)
        return Cells(self._far.mean.removed(far), self._near.mean.removed(near))

    def __call__(self, pre: Cells, post: Cells) -> tuple[Tensor, Tensor]:
        """Axial motion in rows and lateral motion in lines at `nodes`."""
        motion = torch.stack(self._far(pre.far, post.far))
        motion[0] *= self._per_far
        axial, lateral = self._spread(motion)
        at_nodes, lateral_at_nodes = self._at_nodes(motion)
        # twice: what the far cells got wrong changes with depth, and blurs the first peak
        for reach in (self._reach, LAST_REACH):
            moved = warp(post.near[None], self._cell + axial, self._col + lateral)[0]
            at_nodes = self._near(pre.near, moved, at_nodes, reach)
            axial = self.nodes.spread(at_nodes)
        return at_nodes * ROWS_PER_CELL, lateral_at_nodes * self._cell_lines


class LocalMean:
    """The mean of cells over their neighbourhood."""

    def __init__(self, n_cols: int, n_cells: int, width: float, device: torch.device) -> None:
        self._nodes = Nodes(n_cols, n_cells, max(1, round(width)), round(WINDOW_CELLS), device)
        self._window = self._nodes.window(2 * width, 2 * WINDOW_CELLS)

    def removed(self, maps: Tensor) -> Tensor:
        """Cells (cols, cells) without it, from cells and their shares that hold samples (2, cols, cells).

        Dead cells stay 0: an edge that does not move with the tissue must not show.
        """
        total, held = self._window(maps)
        return torch.addcmul(maps[0], maps[1], self._nodes.spread(total / (held + 1e-3)), value=-1.0)


class FarSearch:
    """All shifts, in cells and columns."""

    def __init__(self, n_cols: int, n_cells: int, max_side: int, width: float, device: torch.device) -> None:
        self._n_cols, self._n_cells, self._max_side = n_cols, n_cells, max_side
        self._max_lag = int(MAX_AXIAL_SHARE * n_cells) + 2
        self.mean = LocalMean(n_cols, n_cells, width, device)
        self.nodes = Nodes(n_cols, n_cells, max(1, round(width)), NODE_CELLS, device)
        self._sum = self.nodes.window(width, WINDOW_CELLS)
        padded = (n_cols + 2 * max_side, n_cells + 2 * self._max_lag)
        self._everywhere = Nodes(*padded, 1, 1, device).window(width, WINDOW_CELLS)
        self._line_at = torch.from_numpy(self.nodes.lines).round().long().to(device)
        self._row_at = torch.from_numpy(self.nodes.rows).round().long().to(device)
        self._smooth = self.nodes.blur(width, 2.0 * NODE_CELLS)

    def __call__(self, a: Tensor, post: Tensor) -> tuple[Tensor, Tensor]:
        """Axial and lateral motion at the nodes, in cells and columns."""
        b = pad(post, (self._max_lag, self._max_lag, self._max_side, self._max_side))
        scores = a.new_empty(2 * self._max_side + 1, 2 * self._max_lag + 1, *self.nodes.shape)
        product = a.new_empty(self._n_cols, 2 * self._max_lag + 1, self._n_cells)  # contiguous, lines first
        for score, shifted in zip(scores, self._shifts(b), strict=True):
            torch.mul(a[:, None], shifted.transpose(0, 1), out=product)
            score.copy_(self._sum.lines_first(product).transpose(0, 1))
        # the energy of shifted post is its windowed energy, shifted: no second set of products
        energy = self._shifts(self._everywhere(b * b))[..., self._line_at[:, None], self._row_at]
        score = correlation(scores, self._sum(a * a), energy)
        axial, lateral, top = self._refine(score, self._along_depth(score))
        weight = top.clamp(min=0.05) ** 2
        smooth = self._smooth(torch.stack((axial * weight, lateral * weight, weight)))
        return smooth[0] / smooth[2], smooth[1] / smooth[2]

    def _shifts(self, padded: Tensor) -> Tensor:
        """A view (sides, lags, cols, cells): a padded map shifted by every candidate motion."""
        return padded.unfold(0, self._n_cols, 1).unfold(1, self._n_cells, 1)

    def _along_depth(self, score: Tensor) -> Tensor:
        """Sum of the best path through every state, from both ends of each line of nodes."""
        states = score.permute(3, 2, 0, 1)
        states = torch.stack((states, states.flip(0)), dim=1)  # (rows, directions, node lines, sides, lags)
        framed = states.new_full((*states.shape[1:3], states.shape[3] + 2, states.shape[4] + 2), -torch.inf)
        here = framed[:, :, 1:-1, 1:-1]
        around = (
            framed[:, :, 1:-1, :-2],
            framed[:, :, 1:-1, 2:],
            framed[:, :, :-2, 1:-1],
            framed[:, :, 2:, 1:-1],
        )
        here.copy_(states[0])
        for row in range(1, len(states)):
            moved = torch.maximum(
                torch.maximum(around[0], around[1]), torch.maximum(around[2], around[3])
            ).sub_(STEP_COST)
            here.copy_(states[row].add_(torch.maximum(here, moved)))
        return (states[:, 0] + states[:, 1].flip(0)).permute(2, 3, 1, 0) - score

    def _refine(self, score: Tensor, path: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sides, lags = score.shape[:2]
        flat = path.flatten(0, 1).argmax(dim=0)
        side = (flat // lags).clamp(1, sides - 2)
        lag = (flat % lags).clamp(1, lags - 2)
        table = score.flatten(0, 1)

        def at(d_side: int, d_lag: int) -> Tensor:
            return table.gather(0, ((side + d_side) * lags + lag + d_lag)[None])[0]

        top = at(0, 0)
        axial = lag - self._max_lag + parabola(at(0, -1), top, at(0, 1))
        lateral = side - self._max_side + parabola(at(-1, 0), top, at(1, 0))
        return axial, lateral, top


class NearSearch:
    """A few shifts along depth of frames that are already aligned to about a far cell."""

    def __init__(self, n_cols: int, n_cells: int, width: float, device: torch.device) -> None:
        longer = max(1, round(n_cells / NEAR_CELLS))
        node_cells = NODE_CELLS * longer
        self.mean = LocalMean(n_cols, n_cells, width, device)
        self.nodes = Nodes(n_cols, n_cells, max(1, round(width)), node_cells, device)
        every = self.nodes.window(width, NEAR_WINDOW_CELLS * (1 + longer) / 2)
        self._skip = min(longer, 2)  # longer windows hold enough cells of pre to pass over some
        self._sum = Window(every.across, every.along[:: self._skip].contiguous())
        self._smooth = self.nodes.blur(NEAR_SMOOTH * width, 2.0 * node_cells)

    def __call__(self, pre: Tensor, moved: Tensor, before: Tensor, reach: int) -> Tensor:
        """Axial motion at the nodes, in cells: `before`, by which post was moved, and what is left.

        The sum is smoothed, not what is left alone: that would leave the noise of `before` as it is.
        """
        a = pre[:, None, :: self._skip]
        padded = pad(moved, (reach, reach))
        shifts, energies = (
            maps.unfold(1, pre.shape[1], 1)[..., :: self._skip]
            for maps in (padded, self._sum.across @ padded.square())
        )
        own, energy = self._sum.lines_first(a.square()), energies @ self._sum.along
        score = correlation(self._sum.lines_first(a * shifts), own, energy)
        lag = score[:, 1:-1].argmax(dim=1, keepdim=True) + 1  # (node lines, lags, node rows)
        top = score.gather(1, lag)
        left = (lag - reach + parabola(score.gather(1, lag - 1), top, score.gather(1, lag + 1)))[:, 0]
        weight = top[:, 0].clamp(min=0.05) ** 2
        smooth = self._smooth(torch.stack(((before + left) * weight, weight)))
        return smooth[0] / smooth[1]


def correlation(products: Tensor, pre: Tensor, post: Tensor) -> Tensor:
    """Sums of products over the root of both energies; 0 where there is none."""
    return products * (pre * post + 1e-6 * pre.mean() ** 2 + TINY).rsqrt()


def parabola(left: Tensor, top: Tensor, right: Tensor) -> Tensor:
    """Position of the peak of a parabola through three values at -1, 0, 1, limited to one half."""
    curvature = 2 * top - left - right
    return (0.5 * (right - left) / curvature.clamp(min=1e-6)).clamp(-0.5, 0.5)
