"""Displacement over many pairs: D13(x) = D12(x) + D23(x + D12(x)), on the first frame's grid (Lagrangian).

The errors of neighbouring links largely cancel, because each frame's noise enters twice with opposite sign.
NumPy and SciPy; no torch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from engine.spec import FloatArray, StrainResult

REMEMBERED = 40  # frames whose displacement is kept: more than any pair is long


@dataclass(frozen=True, slots=True, eq=False)
class Displacement:
    """From the origin frame to a later one, on the origin's grid (rows, cols); NaN where tissue was lost."""

    axial: FloatArray
    """samples."""
    lateral: FloatArray
    """lines."""


class Accumulation:
    """Follows tissue from the first frame of a scene on. One thread.

    A pair continues the chain when its pre frame has been reached before, as pre or as post.
    """

    def __init__(self) -> None:
        self._reached: dict[int, Displacement] = {}

    def reset(self) -> None:
        """Start again: the next pair's pre frame becomes the origin."""
        self._reached = {}

    def update(
        self, result: StrainResult, *, valid: NDArray[np.bool_], pre_index: int, post_index: int
    ) -> Displacement | None:
        """Displacement from the origin to the post frame; None where the pair does not continue the chain.

        `valid` (rows, cols) are the pixels of the pair that count; the rest become NaN.
        """
        if not self._reached:
            zero = np.zeros(result.axial_displacement.shape, np.float32)
            self._reached[pre_index] = Displacement(zero, zero)
        before = self._reached.get(pre_index)
        if before is None or before.axial.shape != result.axial_displacement.shape:
            return None
        after = chained(before, result, valid)
        self._reached[post_index] = after
        while len(self._reached) > REMEMBERED:
            self._reached.pop(next(iter(self._reached)))
        return after


def chained(before: Displacement, result: StrainResult, valid: NDArray[np.bool_]) -> Displacement:
    """`before` (origin to pre) continued by a pair's displacement (pre to post), on the origin's grid."""
    row_step = np.float32(result.axial_index[1] - result.axial_index[0])
    col_step = np.float32(result.lateral_index[1] - result.lateral_index[0])
    rows, cols = valid.shape
    reached_row = np.arange(rows, dtype=np.float32)[:, None] + before.axial / row_step
    reached_col = np.arange(cols, dtype=np.float32)[None, :] + before.lateral / col_step
    with np.errstate(invalid="ignore"):  # tissue that is lost already is nowhere
        inside = (
            (reached_row >= 0) & (reached_row <= rows - 1) & (reached_col >= 0) & (reached_col <= cols - 1)
        )
    places = np.where(inside, (reached_row, reached_col), 0.0)
    moved = [
        # exact where OpenCV's remap rounds places to 1/32 of a row
        np.where(
            inside, map_coordinates(np.where(valid, step, np.nan), places, order=1, mode="nearest"), np.nan
        )
        for step in (result.axial_displacement, result.lateral_displacement)
    ]
    return Displacement(
        axial=np.asarray(before.axial + moved[0], np.float32),
        lateral=np.asarray(before.lateral + moved[1], np.float32),
    )
