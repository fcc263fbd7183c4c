"""What phase tracking leaves of a pair, averaged over cells of one carrier cycle by about 0.6 mm.

In units of the cell everything is free of scale: displacement in cells, so that its slope is strain, and phase near
enough to 2 pi per cell. So one network serves every probe.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.frontend import Array
from engine.iq import IqGrid
from engine.reference.track import Track
from engine.spec import FloatArray

ROWS_PER_CELL = 2  # of canonical IQ: one cycle
CELL_WIDTH = 0.6e-3  # m, about: a beam width, which speckle has no detail below


class CellMatrices(NamedTuple, Generic[Array]):
    """Averages over cells, as matrices."""

    cell_across: Array
    """(cols, lines)"""
    cell_along: Array
    """(canonical rows, rows)"""
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
    along: FloatArray
    samples: float
    """Samples of one cell along depth."""

    def matrices(self, radians: FloatArray) -> CellMatrices[FloatArray]:
        """What `gather` needs; `radians` (canonical rows,) is the phase per sample of displacement."""
        return CellMatrices(
            self.across,
            self.along,
            np.array([self.samples], np.float32),
            (radians @ self.along) * np.float32(self.samples),
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
    along = np.zeros((grid.n_rows, rows), np.float32)
    along[np.arange(rows * ROWS_PER_CELL), np.arange(rows).repeat(ROWS_PER_CELL)] = 1 / ROWS_PER_CELL
    samples = ROWS_PER_CELL * grid.pitch
    return CellGrid(
        axial_index=((np.arange(rows) + 0.5) * samples - 0.5 * grid.pitch).astype(np.float32),
        lateral_index=(first + (np.arange(cols) + 0.5) * lines - 0.5).astype(np.float32),
        across=across,
        along=along,
        samples=samples,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Maps (batch, rows, cols) float32 of pairs, averages over the pixels of each cell."""

    weight: Tensor
    """Real part of pre * conj(warped post): what a pixel's displacement counts."""
    moment: Tensor
    """Weight times displacement beyond `axial`, in cells."""
    energy: Tensor
    """(batch, 2, rows, cols) squared magnitude of pre and of warped post."""
    known: Tensor
    """Share that both frames hold, 0-1."""
    axial: Tensor
    """Displacement that post was warped by, cells."""
    lateral: Tensor
    """The same in lines."""
    radians: Tensor
    """(batch, rows) phase per cell of displacement."""


def gather(track: Track, radians: Tensor, matrices: CellMatrices[Tensor]) -> Cells:
    """Cells of a pair, batch 1, from a track that has every canonical row; `radians` (rows,) per sample."""

    def mean(maps: Tensor) -> Tensor:
        return (matrices.cell_across @ maps @ matrices.cell_along).transpose(-1, -2)

    axial, weight = mean(track.axial), mean(track.in_phase)
    moved = mean(track.in_phase * track.axial + track.quadrature / radians)
    return Cells(
        weight=weight[None],
        moment=((moved - weight * axial) / matrices.cell_samples)[None],
        energy=mean(track.energy)[None],
        known=mean(track.known)[None],
        axial=(axial / matrices.cell_samples)[None],
        lateral=mean(track.lateral)[None],
        radians=matrices.cell_radians[None],
    )
