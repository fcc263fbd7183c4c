"""Do three pairs of three frames agree: 0 to 1, 1 to 2 and 0 to 2. Needs no truth.

Strain composes as (1 + e01)(1 + e12) - 1 = e02, with e12 read where frame 0's tissue has gone; displacement
as u01 + u12 - u02. The predicted sigma is the root sum of the three predicted variances, as if the pairs were
independent. They are not: every frame's noise enters two pairs, with opposite sign in the sum, and what is
linear in it cancels. So closure well below 1 proves little, and above 1 shows errors that sigma does not
include. A map of zeros closes perfectly, and so does any additive bias: never report it alone.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from engine.metrics.accuracy import Map, Mask
from engine.metrics.sums import Sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairMaps:
    """One pair's estimate on a regular grid (rows, cols), the same for all three."""

    axial: Map
    """Displacement, in rows of the grid."""
    lateral: Map
    """In columns."""
    strain: Map
    std: Map


@dataclass(frozen=True, slots=True)
class Closure(Sums):
    """Sums over pixels; can be added over triples."""

    pixels: int = 0
    squared_z: float = 0.0
    """Sum of (strain closure / predicted sigma)^2."""
    squared_strain: float = 0.0
    squared_rows: float = 0.0
    """Of the displacement's closure, in rows."""

    @property
    def z(self) -> float:
        """RMS of strain closure over predicted sigma; NaN without pixels."""
        return self._rms(self.squared_z)

    @property
    def strain(self) -> float:
        """RMS of strain closure, dimensionless."""
        return self._rms(self.squared_strain)

    @property
    def rows(self) -> float:
        """RMS of displacement closure, in rows."""
        return self._rms(self.squared_rows)

    def _rms(self, total: float) -> float:
        return float(np.sqrt(total / self.pixels)) if self.pixels else float("nan")


def carried(values: Map, axial: Map, lateral: Map) -> Map:
    """`values` of a later frame, read where each point of this frame has gone; NaN outside.

    `axial` and `lateral` (rows, cols) lead from this frame to that one, in rows and columns.
    """
    rows, columns = (np.arange(n, dtype=np.float64) for n in values.shape)
    there = np.stack((rows[:, None] + axial, columns[None, :] + lateral))
    last = np.array(values.shape)[:, None, None] - 1.0
    with np.errstate(invalid="ignore"):
        inside = ((there >= 0.0) & (there <= last)).all(axis=0)
    read = map_coordinates(values, np.where(inside, there, 0.0), order=1, mode="nearest")
    return np.where(inside, read, np.nan)


def closure(first: PairMaps, second: PairMaps, both: PairMaps, region: Mask) -> Closure:
    """Closure of 0 to 1, 1 to 2 and 0 to 2 over `region` of frame 0, where all three have a finite sigma."""
    strain, std, axial = (
        carried(values, first.axial, first.lateral) for values in (second.strain, second.std, second.axial)
    )
    open_strain = (1.0 + first.strain) * (1.0 + strain) - 1.0 - both.strain
    open_rows = first.axial + axial - both.axial
    sigma = np.sqrt(np.square(first.std) + np.square(std) + np.square(both.std))
    use = region & np.isfinite(open_strain) & np.isfinite(open_rows) & np.isfinite(sigma) & (sigma > 0)
    e, u = open_strain[use].astype(np.float64), open_rows[use].astype(np.float64)
    z = e / sigma[use]
    return Closure(
        pixels=int(e.size),
        squared_z=float(np.dot(z, z)),
        squared_strain=float(np.dot(e, e)),
        squared_rows=float(np.dot(u, u)),
    )
