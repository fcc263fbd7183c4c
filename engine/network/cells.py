"""What phase tracking leaves of a pair, summed over cells of one carrier cycle by about 0.6 mm.

In units of the cell everything is free of scale: displacement in cells, so that its slope is strain; phase 2 pi
per cell, near enough; so one network serves every probe.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.reference.track import Track
from engine.spec import FloatArray

ROWS_PER_CELL = 2  # of canonical IQ: one cycle
CELL_WIDTH = 0.6e-3  # m, about: a beam width, which speckle has no detail below


def lines_per_cell(line_pitch: float) -> int:
    """How many scan lines make one cell, at least one; `line_pitch` in metres."""
    return max(1, round(CELL_WIDTH / line_pitch))


@dataclass(frozen=True, slots=True, eq=False)
class CellGrid:
    """Where cells lie in a frame."""

    axial_index: FloatArray
    """(rows,) sample of each cell's centre."""
    lateral_index: FloatArray
    """(cols,) line of each cell's centre."""
    first_line: int
    lines: int
    """Lines of one cell."""
    samples: float
    """Samples of one cell along depth."""


def cell_grid(n_rows: int, pitch: float, n_lines: int, line_pitch: float) -> CellGrid:
    """Cells over `n_rows` canonical rows `pitch` samples apart and `n_lines` lines `line_pitch` metres apart.

    Lines that fill no cell are left out evenly at both sides.
    """
    lines = lines_per_cell(line_pitch)
    cols, rows = n_lines // lines, n_rows // ROWS_PER_CELL
    first = (n_lines - cols * lines) // 2
    samples = ROWS_PER_CELL * pitch
    return CellGrid(
        axial_index=((np.arange(rows) + 0.5) * samples - 0.5 * pitch).astype(np.float32),
        lateral_index=(first + (np.arange(cols) + 0.5) * lines - 0.5).astype(np.float32),
        first_line=first,
        lines=lines,
        samples=samples,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Maps (rows, cols) float32 of one pair; sums over a cell are divided by its number of pixels."""

    weight: Tensor
    """Real part of pre * conj(warped post): what a pixel's displacement counts."""
    moment: Tensor
    """Weight times displacement beyond `axial`, in cells."""
    energy: Tensor
    """(2, rows, cols) squared magnitude of pre and of warped post."""
    known: Tensor
    """Share that both frames hold, 0-1."""
    axial: Tensor
    """Displacement that post was warped by, cells."""
    lateral: Tensor
    """The same in lines."""
    radians: Tensor
    """(rows,) phase per cell of displacement."""


def gather(track: Track, grid: CellGrid) -> Cells:
    """Cells of what `Tracker` left, which has every canonical row."""
    cols, rows = len(grid.lateral_index), len(grid.axial_index)

    def mean(maps: Tensor) -> Tensor:
        used = maps[grid.first_line : grid.first_line + cols * grid.lines, : rows * ROWS_PER_CELL]
        return used.reshape(cols, grid.lines, rows, ROWS_PER_CELL).mean(dim=(1, 3)).T

    axial = mean(track.axial)
    radians = track.radians[: rows * ROWS_PER_CELL].view(rows, ROWS_PER_CELL).mean(dim=1)
    weighted = track.in_phase * track.axial + track.quadrature / track.radians
    weight = mean(track.in_phase)
    return Cells(
        weight=weight,
        moment=(mean(weighted) - weight * axial) / grid.samples,
        energy=torch.stack([mean(energy) for energy in track.energy]),
        known=mean(track.known),
        axial=axial / grid.samples,
        lateral=mean(track.lateral),
        radians=radians * grid.samples,
    )
