"""Windows and interpolation as matrices: a map (lines, rows) seen on a grid of nodes, and spread back.

Two small matrix products per direction are faster on a CPU than any other form at these sizes, take windows
of any shape, and treat borders exactly. NumPy only; a runtime of another kind takes the matrices as they are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.spec import FloatArray
from engine.strain.banded import BandedMatrix


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


class SeparableKernel:
    """Weighted sums of maps (..., lines, rows) around every node, or at every position.

    `across` is (lines, node lines), `along` (rows, node rows), both float32.
    """

    def __init__(self, across: NDArray[np.float32], along: NDArray[np.float32]) -> None:
        (lines, to_lines), (rows, to_rows) = across.shape, along.shape
        # the order of the two products that multiplies less
        self.lines_first = to_lines * rows * (lines + to_rows) <= to_rows * lines * (rows + to_lines)
        self.across = BandedMatrix(across, rows if self.lines_first else to_rows)
        self.along = BandedMatrix(along, to_lines if self.lines_first else lines)

    def apply(self, maps: FloatArray) -> FloatArray:
        """(..., lines, rows) to (..., node lines, node rows)."""
        if self.lines_first:
            return self.along.after(self.across.before(maps))
        return self.across.before(self.along.after(maps))


class Nodes:
    """A regular grid of nodes over a map of (n_lines, n_rows)."""

    def __init__(self, n_lines: int, n_rows: int, line_step: int, row_step: int) -> None:
        self.n_lines, self.n_rows = n_lines, n_rows
        self.lines, self.rows = node_positions(n_lines, line_step), node_positions(n_rows, row_step)
        self.shape = (len(self.lines), len(self.rows))
        self.spread = self.at(np.arange(n_lines), np.arange(n_rows))
        """Interpolates node values (..., node lines, node rows) to the map (..., n_lines, n_rows)."""

    def window(self, line_width: float, row_width: float, skip: int = 1) -> SeparableKernel:
        """Hann windows around the nodes; full widths at half maximum, at least one line and one row.

        Maps given to it hold every `skip`-th row.
        """
        return SeparableKernel(
            hann(self.n_lines, self.lines, max(line_width, 1.0)),
            hann(self.n_rows, self.rows, max(row_width, 1.0))[::skip],
        )

    def blur(self, line_width: float, row_width: float) -> SeparableKernel:
        """The same among the nodes themselves; widths still in lines and rows of the map."""
        lines, rows = self.shape
        line_step, row_step = self.lines[1] - self.lines[0], self.rows[1] - self.rows[0]
        return SeparableKernel(
            hann(lines, np.arange(lines, dtype=float), max(line_width / line_step, 1.0)),
            hann(rows, np.arange(rows, dtype=float), max(row_width / row_step, 1.0)),
        )

    def at(self, lines: NDArray[Any], rows: NDArray[Any]) -> SeparableKernel:
        """Linear interpolation of node values to these lines and rows of the map."""
        return SeparableKernel(linear(self.lines, lines), linear(self.rows, rows))
