"""The grid the live network works on: cells of one carrier cycle by about 0.6 mm. NumPy only.

In units of the cell everything is free of scale: displacement in cells, so that its slope is strain, and
phase near enough to 2 pi per cell. So one network serves every probe.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple

import numpy as np

from engine.spec import FloatArray
from engine.tracking.iq import ROWS_PER_CYCLE, IqGrid
from engine.tracking.normalisation import Array

ROWS_PER_CELL = ROWS_PER_CYCLE
CELL_WIDTH = 0.6e-3  # m, about: a beam width, which speckle has no detail below


class CellMatrices(NamedTuple, Generic[Array]):
    """What a cell is: lines that it averages over, and its length along depth."""

    cell_across: Array
    """(cols, lines)"""
    cell_samples: Array
    """(1,) samples of one cell along depth."""
    cell_radians: Array
    """(rows,) phase per cell of displacement."""


@dataclass(frozen=True, slots=True, eq=False)
class CellGrid:
    """Where cells lie in a frame."""

    axial_index: FloatArray
    """(rows,) sample of each cell's centre."""
    lateral_index: FloatArray
    """(cols,) line of each cell's centre."""
    across: FloatArray
    """(cols, lines)"""
    samples: float
    """Samples of one cell along depth."""

    def matrices(self, radians: FloatArray) -> CellMatrices[FloatArray]:
        """What averages need; `radians` (canonical rows,) is the phase per sample of displacement."""
        rows = len(self.axial_index)
        mean = radians[: rows * ROWS_PER_CELL].reshape(rows, ROWS_PER_CELL).mean(axis=1)
        return CellMatrices(
            self.across, np.array([self.samples], np.float32), mean * np.float32(self.samples)
        )


def cell_grid(grid: IqGrid, n_lines: int, line_pitch: float) -> CellGrid:
    """Cells over the canonical rows of `grid` and `n_lines` lines `line_pitch` metres apart.

    Lines that fill no cell are left out evenly at both sides.
    """
    lines = max(1, round(CELL_WIDTH / line_pitch))
    cols, rows = n_lines // lines, grid.n_rows // ROWS_PER_CELL
    first = (n_lines - cols * lines) // 2
    across = np.zeros((cols, n_lines), np.float32)
    across[np.arange(cols).repeat(lines), first + np.arange(cols * lines)] = 1 / lines
    samples = ROWS_PER_CELL * grid.pitch
    return CellGrid(
        axial_index=((np.arange(rows) + 0.5) * samples - 0.5 * grid.pitch).astype(np.float32),
        lateral_index=(first + (np.arange(cols) + 0.5) * lines - 0.5).astype(np.float32),
        across=across,
        samples=samples,
    )
