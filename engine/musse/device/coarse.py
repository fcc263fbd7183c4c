"""The coarse search on a device: `engine.tracking.coarse` with static shapes."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from engine.musse.device.constants import KernelProduct, LocalMeanRemoval, floats
from engine.tracking.coarse import (
    LAST_REACH,
    ROWS_PER_CELL,
    STEP_COST,
    CoarseSearch,
    ExhaustiveSearch,
    RefinementSearch,
)
from engine.tracking.warp import bordered, warp

MIN_TOP = 0.05


class DeviceSearch(nn.Module):
    """`CoarseSearch`."""

    cell: Tensor
    col: Tensor

    def __init__(self, search: CoarseSearch) -> None:
        super().__init__()
        self.cols, self.cell_lines, self.near_cells = search.n_cols, search.cell_lines, search.n_near
        self.far_cells, self.per_far = search.n_far, search.per_far
        self.reaches = (search.reach, LAST_REACH)
        self.far, self.near = DeviceExhaustive(search.far), DeviceRefinement(search.near)
        self.far_mean, self.near_mean = LocalMeanRemoval(search.far.mean), LocalMeanRemoval(search.near.mean)
        self.spread, self.at_nodes = KernelProduct(search.spread), KernelProduct(search.at_nodes)
        self.spread_nodes = KernelProduct(search.nodes.spread)
        self.register_buffer("cell", floats(search.cell), persistent=False)
        self.register_buffer("col", floats(search.col), persistent=False)

    def cells(self, envelope: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """(far, near) of one frame, from its envelope and valid samples (lines, rows)."""
        lines, rows = self.cols * self.cell_lines, self.near_cells * ROWS_PER_CELL
        used = torch.stack((envelope.sqrt(), valid))[:, :lines, :rows]
        shape = (2, self.cols, self.cell_lines, self.near_cells, ROWS_PER_CELL)
        near = used.reshape(shape).sum(dim=(2, 4))
        whole = near[..., : self.far_cells * self.per_far]
        far = whole.reshape(2, self.cols, self.far_cells, self.per_far).sum(dim=3)
        return self.far_mean(far), self.near_mean(near)

    def forward(self, pre: tuple[Tensor, Tensor], post: tuple[Tensor, Tensor]) -> Tensor:
        """(2, node lines, node rows): axial motion in rows, lateral motion in lines."""
        axial, lateral = self.far(pre[0], post[0]).unbind()
        motion = torch.stack((axial * self.per_far, lateral))
        axial, lateral = self.spread(motion).unbind()
        found, lateral_found = self.at_nodes(motion).unbind()
        framed = bordered(post[1][None])
        for reach in self.reaches:
            moved = warp(framed, self.cell + axial, self.col + lateral)[0]
            found = self.near(pre[1], moved, found, reach)
            axial = self.spread_nodes(found)
        return torch.stack((found * ROWS_PER_CELL, lateral_found * self.cell_lines))


class DeviceExhaustive(nn.Module):
    """`ExhaustiveSearch`: every shift is a slice, and the best path runs over unrolled rows of nodes."""

    energy_at: Tensor
    inner: Tensor
    axial_of: Tensor
    lateral_of: Tensor

    def __init__(self, search: ExhaustiveSearch) -> None:
        super().__init__()
        self.side, self.lag, self.shape = search.max_side, search.max_lag, search.shape
        self.sides, self.lags = 2 * self.side + 1, 2 * self.lag + 1
        self.sum, self.everywhere = KernelProduct(search.sum), KernelProduct(search.everywhere)
        self.smooth = KernelProduct(search.smooth)
        side, lag = np.divmod(np.arange(self.sides * self.lags), self.lags)
        lines = side[:, None, None] + search.line_at[None, :, None]
        rows = lag[:, None, None] + search.row_at[None, None, :]
        width = self.shape[1] + 2 * self.lag
        # a parabola needs a neighbour on both sides
        side, lag = np.clip(side, 1, self.sides - 2), np.clip(lag, 1, self.lags - 2)
        for name, values in {
            "energy_at": torch.from_numpy((lines * width + rows).reshape(-1)),
            "inner": torch.from_numpy(side * self.lags + lag),
            "axial_of": floats(lag - self.lag),
            "lateral_of": floats(side - self.side),
        }.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, pre: Tensor, post: Tensor) -> Tensor:
        """(2, node lines, node rows): axial and lateral motion in cells and columns."""
        cols, cells = self.shape
        framed = pad(post, (self.lag, self.lag, self.side, self.side))
        shifts = torch.stack(
            [framed[s : s + cols, k : k + cells] for s in range(self.sides) for k in range(self.lags)]
        )
        products = self.sum(pre * shifts)
        energy = self.everywhere(framed * framed).reshape(-1)[self.energy_at].reshape(products.shape)
        score = correlated(products, self.sum(pre * pre), energy)
        best = self._path(score).argmax(dim=0)
        peak = self.inner[best][None]
        top, *sides = (score.gather(0, peak + step)[0] for step in (0, -1, 1, -self.lags, self.lags))
        axial = parabola(sides[0], top, sides[1]) + self.axial_of[best]
        lateral = parabola(sides[2], top, sides[3]) + self.lateral_of[best]
        weight = top.clamp(min=MIN_TOP) * top.clamp(min=MIN_TOP)
        smooth: Tensor = self.smooth(torch.stack((axial * weight, lateral * weight, weight)))
        return smooth[:2] / smooth[2]

    def _path(self, score: Tensor) -> Tensor:
        """Sum of the best path through every state, of `score`'s shape (shifts, node lines, node rows)."""
        lines, rows = score.shape[1:]
        by_row = score.reshape(self.sides, self.lags, lines, rows).permute(3, 2, 0, 1)
        states = torch.cat((by_row, by_row.flip(0)), dim=1)  # from both ends
        here = states[:1]
        sums = [here]
        for row in range(1, rows):
            beside = torch.maximum(max_pool2d(here, (1, 3), 1, (0, 1)), max_pool2d(here, (3, 1), 1, (1, 0)))
            here = states[row : row + 1] + torch.maximum(beside - STEP_COST, here)
            sums.append(here)
        found = torch.cat(sums)
        both = found[:, :lines] + found.flip(0)[:, lines:]
        return both.permute(2, 3, 1, 0).reshape(score.shape) - score


class DeviceRefinement(nn.Module):
    """`RefinementSearch`."""

    def __init__(self, search: RefinementSearch) -> None:
        super().__init__()
        self.cells, self.skip = search.n_cells, search.skip
        self.sum, self.smooth = KernelProduct(search.sum), KernelProduct(search.smooth)

    def forward(self, pre: Tensor, moved: Tensor, before: Tensor, reach: int) -> Tensor:
        """Axial motion at the nodes, in cells: `before`, by which post was moved, and the rest."""
        some = pre[:, :: self.skip]
        padded = pad(moved, (reach, reach))
        shifts = self._shifts(padded, reach)
        squares = self._shifts(self.sum.across @ (padded * padded), reach) @ self.sum.along
        score = correlated(self.sum(some * shifts), self.sum(some * some), squares)
        lag = score[1:-1].argmax(dim=0)[None] + 1
        left, top, right = (score.gather(0, lag + step)[0] for step in (-1, 0, 1))
        found = before + parabola(left, top, right) + (lag[0] - reach).to(score.dtype)
        weight = top.clamp(min=MIN_TOP) * top.clamp(min=MIN_TOP)
        total, weights = self.smooth(torch.stack((found * weight, weight))).unbind()
        return total / weights  # type: ignore[no-any-return]

    def _shifts(self, padded: Tensor, reach: int) -> Tensor:
        return torch.stack([padded[:, lag : lag + self.cells : self.skip] for lag in range(2 * reach + 1)])


def correlated(products: Tensor, pre: Tensor, post: Tensor) -> Tensor:
    """`engine.tracking.coarse.correlate`, out of place."""
    mean = pre.mean()
    return products / (pre * post + (1e-6 * (mean * mean) + 1e-20)).sqrt()


def parabola(left: Tensor, top: Tensor, right: Tensor) -> Tensor:
    """`engine.tracking.coarse.parabola`."""
    return (0.5 * (right - left) / (2.0 * top - left - right).clamp(min=1e-6)).clamp(-0.5, 0.5)
