"""Windows and interpolation as matrices: a map (lines, rows) seen on a grid of nodes, and spread back.

Two small matrix products per direction are faster on a CPU than any other form at these sizes, take windows
of any shape, and treat borders exactly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def node_positions(n: int, step: int) -> NDArray[np.float64]:
    """Evenly spaced positions about `step` apart that include both ends of 0 ... n - 1."""
    return np.linspace(0, n - 1, max(2, round((n - 1) / step) + 1))


def hann(n: int, centers: NDArray[np.float64], width: float) -> NDArray[np.float32]:
    """(n, nodes): Hann weights of full width at half maximum `width` around each node."""
    distance = (np.arange(n)[:, None] - centers[None, :]) / width
    return np.where(np.abs(distance) < 1, np.cos(np.pi / 2 * distance) ** 2, 0.0).astype(np.float32)


def linear(centers: NDArray[np.float64], positions: NDArray[Any]) -> NDArray[np.float32]:
    """(nodes, positions): linear interpolation from evenly spaced nodes, constant beyond the ends."""
    where = np.clip((positions - centers[0]) / (centers[1] - centers[0]), 0, len(centers) - 1)
    weights: NDArray[np.float32] = np.maximum(
        0.0, 1 - np.abs(np.arange(len(centers))[:, None] - where[None, :])
    ).astype(np.float32)
    return weights


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Weighted sums of maps (..., lines, rows) around every node."""

    across: Tensor
    """(node lines, lines)"""
    along: Tensor
    """(rows, node rows)"""

    def __call__(self, maps: Tensor) -> Tensor:
        """(..., lines, rows) to (..., node lines, node rows)."""
        first = maps.reshape(-1, maps.shape[-1]) @ self.along
        stacked = first.view(-1, maps.shape[-2], first.shape[-1]).transpose(0, 1)
        both = self.across @ stacked.reshape(maps.shape[-2], -1)
        result = both.view(len(both), -1, first.shape[-1]).transpose(0, 1)
        return result.reshape(*maps.shape[:-2], *result.shape[-2:])

    def lines_first(self, maps: Tensor) -> Tensor:
        """(lines, n, rows) to (node lines, n, node rows): fewer operations where there are few nodes."""
        first = self.across @ maps.reshape(len(maps), -1)
        return (first.view(-1, maps.shape[-1]) @ self.along).view(len(first), *maps.shape[1:-1], -1)


class Nodes:
    """A regular grid of nodes over a map of (n_lines, n_rows)."""

    def __init__(
        self, n_lines: int, n_rows: int, line_step: int, row_step: int, device: torch.device
    ) -> None:
        self.n_lines, self.n_rows, self.device = n_lines, n_rows, device
        self.lines, self.rows = node_positions(n_lines, line_step), node_positions(n_rows, row_step)
        self.shape = (len(self.lines), len(self.rows))
        self.spread = self.at(np.arange(n_lines), np.arange(n_rows))
        """Interpolates node values (..., node lines, node rows) to the map (..., n_lines, n_rows)."""

    def _tensor(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def window(self, line_width: float, row_width: float) -> Window:
        """Hann windows around the nodes; full widths at half maximum, at least one line and one row."""
        return Window(
            self._tensor(hann(self.n_lines, self.lines, max(line_width, 1.0)).T),
            self._tensor(hann(self.n_rows, self.rows, max(row_width, 1.0))),
        )

    def blur(self, line_width: float, row_width: float) -> Window:
        """The same among the nodes themselves; widths still in lines and rows of the map."""
        lines, rows = len(self.lines), len(self.rows)
        line_step, row_step = self.lines[1] - self.lines[0], self.rows[1] - self.rows[0]
        return Window(
            self._tensor(hann(lines, np.arange(lines, dtype=float), max(line_width / line_step, 1.0)).T),
            self._tensor(hann(rows, np.arange(rows, dtype=float), max(row_width / row_step, 1.0))),
        )

    def at(self, lines: NDArray[Any], rows: NDArray[Any]) -> Window:
        """Linear interpolation of node values to these lines and rows of the map."""
        return Window(self._tensor(linear(self.lines, lines).T), self._tensor(linear(self.rows, rows)))
