"""Least-squares strain: the slope of a line fitted to displacement over a window given in tissue length.

At a border the window is clipped and the line refitted to what is left, never padded. NumPy only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.spec import FloatArray
from engine.strain.banded import band_blocks

MIN_WEIGHT = 1e-30  # its inverse is still a float32


def box_overlap(
    n_cells: int, cell: float, centers: NDArray[Any], window: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of each cell lies in each window, and the signed distance between their centres.

    Cell k covers (k - 1/2) * cell ... (k + 1/2) * cell. Returns two arrays (n_cells, n_windows): overlap as a
    share of the cell, and centre of the overlapping part minus the window's centre, in the unit of `cell`.
    """
    low = (np.arange(n_cells) - 0.5)[:, None] * cell
    start = np.maximum(low, centers[None, :] - window / 2)
    stop = np.minimum(low + cell, centers[None, :] + window / 2)
    overlap = np.maximum(stop - start, 0.0) / cell
    return overlap, np.where(overlap > 0, np.arange(n_cells)[:, None] * cell - centers[None, :], 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Windowed sums of weights w and displacements y at distances t from the window's centre.

    All (lines, rows)."""

    w: FloatArray
    wt: FloatArray
    wtt: FloatArray
    wy: FloatArray
    wty: FloatArray

    def line(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Slope, value at the window's centre, and spread (the variance of t); slope 0 where it has none."""
        filled = self.w > MIN_WEIGHT
        inverse = np.ones_like(self.w)
        np.divide(1.0, self.w, out=inverse, where=filled)
        mean_t, mean_y = self.wt * inverse, self.wy * inverse
        spread: FloatArray = self.wtt * inverse - mean_t**2
        spread *= filled & (spread > 0)
        slope: FloatArray = np.zeros_like(spread)
        np.divide(self.wty * inverse - mean_t * mean_y, spread, out=slope, where=spread > 0)
        value: FloatArray = mean_y - slope * mean_t
        return slope, value, spread


class StrainWindow:
    """A window of `axial` samples by `lateral` lines, moved over a grid of displacements.

    Input grid: rows `row_pitch` samples apart from sample 0, lines 0 ... n_lines - 1. Output grid: any rows
    (samples) and every line. Arrays are (lines, rows): depth is the fast axis here.
    """

    def __init__(
        self,
        *,
        n_rows: int,
        row_pitch: float,
        n_lines: int,
        output_rows: NDArray[Any],
        axial: float,
        lateral: float,
    ) -> None:
        overlap, distance = box_overlap(n_rows, row_pitch, output_rows, axial)
        across, aside = box_overlap(n_lines, 1.0, np.arange(n_lines), lateral)
        # the matrices are bands: only what is not zero is multiplied
        self._row_blocks = band_blocks(overlap > 0, n_lines)
        self._powers = [
            [np.ascontiguousarray(overlap[i, o] * distance[i, o] ** k, np.float32) for k in range(3)]
            for i, o in self._row_blocks
        ]
        self._line_blocks = band_blocks(across > 0, max(n_rows, len(output_rows)))
        self.across: FloatArray = np.ascontiguousarray(across.T, np.float32)
        """(lines, lines): share of each line (column) in the window around a line (row)."""
        self._aside: FloatArray = np.ascontiguousarray((across * aside).T, np.float32)
        self.full = float(axial / row_pitch * lateral)
        """Cells in a window that lies wholly inside the frame."""
        self.axial, self.lateral = axial, lateral
        self.output_rows, self.row_pitch, self.n_rows = output_rows, row_pitch, n_rows
        rows = np.arange(n_rows) * row_pitch
        self._nearest = np.abs(rows[:, None] - output_rows[None, :]).argmin(axis=1)
        self._beyond = (rows - output_rows[self._nearest]).astype(np.float32)

    def _along(self, values: FloatArray, power: int) -> FloatArray:
        """Sums over rows of values (..., lines, rows) times distance to the power."""
        result = np.empty((*values.shape[:-1], len(self.output_rows)), np.float32)
        for (inputs, outputs), matrices in zip(self._row_blocks, self._powers, strict=True):
            np.matmul(values[..., inputs], matrices[power], out=result[..., outputs])
        return result

    def _beside(self, values: FloatArray, matrix: FloatArray) -> FloatArray:
        """Sums over lines of values (..., lines, rows), weighted by the rows of `matrix`; same shape."""
        result = np.empty_like(values)
        for inputs, outputs in self._line_blocks:
            np.matmul(matrix[outputs, inputs], values[..., inputs, :], out=result[..., outputs, :])
        return result

    def total(self, values: FloatArray) -> FloatArray:
        """Sum over each window: (..., lines, rows) to (..., lines, output rows)."""
        return self._beside(self._along(values, 0), self.across)

    def moments(self, weight: FloatArray, weighted: FloatArray, tilt: FloatArray | None = None) -> Moments:
        """Sums of `weight` and of weight times displacement, both (lines, rows).

        `tilt` (lines, output rows), samples per line, is how displacement changes across the window. Where
        weights are uneven it would pass for displacement of the side that weighs more; it is taken out.
        """
        w, y = self._beside(weight, self.across), self._beside(weighted, self.across)
        wy, wty = self._along(y, 0), self._along(y, 1)
        if tilt is not None:
            uneven = self._beside(weight, self._aside)
            wy -= tilt * self._along(uneven, 0)
            wty -= tilt * self._along(uneven, 1)
        return Moments(w=self._along(w, 0), wt=self._along(w, 1), wtt=self._along(w, 2), wy=wy, wty=wty)

    def on_input(self, values: FloatArray, slope: FloatArray | None = None) -> FloatArray:
        """A map (lines, output rows) at the input rows: the nearest value, carried on along `slope`."""
        near: FloatArray = values.take(self._nearest, axis=1)
        return near if slope is None else near + slope.take(self._nearest, axis=1) * self._beyond


def least_squares_strain(
    displacement: FloatArray,
    *,
    row_pitch: float,
    axial: float,
    lateral: float = 1.0,
    weight: FloatArray | None = None,
) -> FloatArray:
    """du/dz of a displacement map (rows, lines) in samples, on the same grid.

    `axial` is the window's length in samples, `lateral` its width in lines, `row_pitch` the samples between
    rows. `weight` (rows, lines) is at least 0 and defaults to 1; strain is 0 where a window holds no weight.
    """
    n_rows, n_lines = displacement.shape
    window = StrainWindow(
        n_rows=n_rows,
        row_pitch=row_pitch,
        n_lines=n_lines,
        output_rows=np.arange(n_rows) * row_pitch,
        axial=axial,
        lateral=lateral,
    )
    w = (
        np.ones((n_lines, n_rows), np.float32)
        if weight is None
        else np.ascontiguousarray(weight.T, np.float32)
    )
    slope, _, _ = window.moments(w, w * np.ascontiguousarray(displacement.T, np.float32)).line()
    return np.ascontiguousarray(slope.T, np.float32)
