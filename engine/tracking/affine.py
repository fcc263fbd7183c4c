"""The affine part of the motion between two frames: shift, mean compression and tilt, by the envelope search.

Motion of many cycles is ambiguous to a network on RF, which repeats itself every cycle. What is left once the
affine part is taken out rarely exceeds half a cycle. NumPy only.
"""

from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.spec import FloatArray
from engine.tracking.iq import OVERSAMPLING
from engine.tracking.normalisation import PairInitialiser, Start

Array: TypeAlias = NDArray[np.floating[Any]]

PASSES = 8  # of the reweighted fit
OUTLIER = 1.5  # robust standard deviations from which a node counts for less
FINEST = 1e-3  # rows and lines: a smaller spread is as good as none


@dataclass(frozen=True, slots=True, eq=False)
class AffineMotion:
    """Motion that is linear in the position, in canonical RF rows (axial) and lines (lateral)."""

    offset: Array
    """(2,) at row 0, line 0."""
    slopes: Array
    """(2, 2): [axial, lateral] per [row, line]. The first is the mean strain."""

    def at(self, rows: Array, lines: Array) -> FloatArray:
        """(2, rows, lines) float32 of the motion at these positions."""
        along = self.slopes[:, 0, None, None] * rows[:, None]
        across = self.slopes[:, 1, None, None] * lines[None, :]
        return np.asarray(self.offset[:, None, None] + along + across, np.float32)

    def residual(self, motion: Array, rows: Array, lines: Array) -> FloatArray:
        """What is left of `motion` (2, rows, lines) once the moving frame is aligned by this motion.

        pre(p) = post(p + motion(p)) and aligned(p) = post(p + a(p)) give pre(p) = aligned(p + r) with
        r + a(p + r) = motion(p).
        """
        left = np.linalg.inv(np.eye(2) + self.slopes)
        found: FloatArray = np.einsum("ij,jrl->irl", left, motion - self.at(rows, lines)).astype(np.float32)
        return found

    @classmethod
    def of(cls, start: Start[FloatArray], front: PairInitialiser) -> Self:
        """Fitted to the motion that the envelope search found at its nodes; outlying nodes count for less."""
        axial = start.axial * (OVERSAMPLING / front.grid.pitch)
        lines = np.linspace(0.0, len(front.inputs.lines) - 1, len(axial))
        rows = front.node_row * float(OVERSAMPLING)
        position = np.stack(np.broadcast_arrays(1.0, rows[None, :], lines[:, None]), axis=-1).reshape(-1, 3)
        size = np.array([1.0, max(rows[-1], 1.0), max(lines[-1], 1.0)])
        fits = [_fit(position / size, found.ravel()) / size for found in (axial, start.lateral)]
        offset, *slopes = np.stack(fits, axis=1)
        return cls(offset, np.stack(slopes, axis=1))


def _fit(position: Array, found: Array) -> Array:
    """(3,) coefficients of a least-squares fit with Cauchy weights."""
    weight = np.ones(len(found))
    for _ in range(PASSES):
        weighted = position * weight[:, None]
        fitted = np.linalg.solve(weighted.T @ position, weighted.T @ found)
        off = found - position @ fitted
        spread = 1.48 * float(np.median(np.abs(off))) + FINEST
        weight = 1.0 / (1.0 + np.square(off / (OUTLIER * spread)))
    return np.asarray(fitted)
