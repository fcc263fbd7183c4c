"""Coarse motion from envelopes: windowed correlation over all shifts, then the best path along depth.

An envelope has no carrier, so it cannot skip a cycle; it is only good to a fraction of a pulse length,
which is what the phase needs to start from.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.reference.windows import Nodes, Window

MAX_AXIAL_SHARE = 0.055  # of the depth: 5 % strain over all of it, and some play
MAX_LATERAL_LINES = 4  # 3 lines, and one for the parabola
ROWS_PER_CELL = 2  # one envelope cell per cycle of the carrier
WINDOW_CYCLES = 8.0  # full width at half maximum: 5 % strain moves its ends apart by less than half a cycle
NODE_CYCLES = 4
CELLS = 300  # along depth; what lies deeper in cycles is searched more sparsely
TINY = 1e-20
STEP_COST = 0.15  # of correlation, for a change of one cell between neighbouring nodes (25 % strain)


class CoarseSearch:
    """Motion at coarse nodes, within 5 % of the depth and 3 lines. Built once per canonical grid."""

    def __init__(
        self, n_lines: int, n_rows: int, cell_lines: int, window_lines: float, device: torch.device
    ) -> None:
        self.cell_lines = cell_lines
        self.n_cols, self.n_cells = n_lines // cell_lines, n_rows // ROWS_PER_CELL
        self.max_lag = int(MAX_AXIAL_SHARE * self.n_cells) + 2
        self.max_side = -(-MAX_LATERAL_LINES // cell_lines)
        width = max(window_lines / cell_lines, 1.0)
        # deep in cycles means many shifts: longer windows then sum over every `_skip`-th cell of pre
        self._skip = max(1, round(self.n_cells / CELLS))
        window_cycles, node_cycles = WINDOW_CYCLES * (1 + self._skip) / 2, NODE_CYCLES * self._skip
        self.nodes = Nodes(self.n_cols, self.n_cells, max(1, round(width)), node_cycles, device)
        self._sum = self.nodes.window(width, window_cycles)
        self._sum_some = Window(self._sum.across, (self._skip * self._sum.along[:: self._skip]).contiguous())
        padded = (self.n_cols + 2 * self.max_side, self.n_cells + 2 * self.max_lag)
        self._everywhere = Nodes(*padded, 1, 1, device).window(width, window_cycles)
        self._line_at = torch.from_numpy(self.nodes.lines).round().long().to(device)
        self._row_at = torch.from_numpy(self.nodes.rows).round().long().to(device)
        self._smooth = self.nodes.blur(width, 2.0 * node_cycles)
        local = Nodes(self.n_cols, self.n_cells, max(1, round(width)), round(WINDOW_CYCLES), device)
        self._local, self._local_window = local, local.window(2 * width, 2 * WINDOW_CYCLES)
        self._local_norm = self._local_window(torch.ones(self.n_cols, self.n_cells, device=device))

    def _cells(self, envelope: Tensor) -> Tensor:
        """Envelope on cells, compressed so that no single echo rules, without its local mean."""
        used = envelope[: self.n_cols * self.cell_lines, : self.n_cells * ROWS_PER_CELL].sqrt()
        by_row = used[:, ::2] + used[:, 1::2]  # ROWS_PER_CELL of them
        cells = by_row.view(self.n_cols, self.cell_lines, self.n_cells).sum(dim=1)
        return cells - self._local.spread(self._local_window(cells) / self._local_norm)

    def __call__(self, pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor]:
        """Axial motion in rows and lateral motion in lines at `nodes`, from envelopes (lines, rows)."""
        a = self._cells(pre)
        b = pad(self._cells(post), (self.max_lag, self.max_lag, self.max_side, self.max_side))
        scores = a.new_empty(2 * self.max_side + 1, 2 * self.max_lag + 1, *self.nodes.shape)
        some = a[:, None, :: self._skip]
        product = a.new_empty(self.n_cols, 2 * self.max_lag + 1, some.shape[-1])  # contiguous, lines first
        for score, shifted in zip(scores, self._shifts(b), strict=True):
            torch.mul(some, shifted.transpose(0, 1)[..., :: self._skip], out=product)
            score.copy_(self._sum_some.lines_first(product).transpose(0, 1))
        # the energy of shifted post is its windowed energy, shifted: no second set of products
        energy = self._shifts(self._everywhere(b * b))[..., self._line_at[:, None], self._row_at]
        own = self._sum(a * a)
        score = scores * (own * energy + 1e-6 * own.mean() ** 2 + TINY).rsqrt()
        axial, lateral, top = self._refine(score, self._along_depth(score))
        weight = top.clamp(min=0.05) ** 2
        smooth = self._smooth(torch.stack((axial * weight, lateral * weight, weight)))
        return smooth[0] / smooth[2], smooth[1] / smooth[2]

    def _shifts(self, padded: Tensor) -> Tensor:
        """A view (sides, lags, cols, cells): a padded map shifted by every candidate motion."""
        return padded.unfold(0, self.n_cols, 1).unfold(1, self.n_cells, 1)

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
        axial = lag - self.max_lag + parabola(at(0, -1), top, at(0, 1))
        lateral = side - self.max_side + parabola(at(-1, 0), top, at(1, 0))
        return axial * ROWS_PER_CELL, lateral * self.cell_lines, top


def parabola(left: Tensor, top: Tensor, right: Tensor) -> Tensor:
    """Position of the peak of a parabola through three values at -1, 0, 1, limited to one half."""
    curvature = 2 * top - left - right
    return (0.5 * (right - left) / curvature.clamp(min=1e-6)).clamp(-0.5, 0.5)
