"""Temporal stability: change from one image to the next on the same tissue. Needs no ground truth.

A frozen or a constant image is perfectly stable, and blur increases stability: report it with resolution.
"""

from dataclasses import dataclass

import numpy as np

from engine.metrics.accuracy import Map, Mask
from engine.metrics.closure import carried
from engine.metrics.sums import Sums


@dataclass(frozen=True, slots=True)
class Stability(Sums):
    """Sums over pixels of consecutive images; can be added over a sequence."""

    pixels: int = 0
    product: float = 0.0
    """Sum of the images' deviations from their means, multiplied."""
    before: float = 0.0
    """Sum of squared deviations."""
    after: float = 0.0
    squared_change: float = 0.0
    """Sum of (after - before)^2."""

    @property
    def ncc(self) -> float:
        """Correlation of consecutive images, -1..1; NaN where one of them is constant."""
        power = self.before * self.after
        return float(self.product / np.sqrt(power)) if power > 0 else float("nan")

    @property
    def change(self) -> float:
        """RMS of the change from image to image, in the images' unit; NaN without pixels."""
        return float(np.sqrt(self.squared_change / self.pixels)) if self.pixels else float("nan")


def stability(before: Map, after: Map, axial: Map, lateral: Map, region: Mask) -> Stability:
    """Two images (rows, cols) of relative strain (1 = average) over `region` of the earlier one.

    `axial` and `lateral` lead from the earlier image's frame to the later one's, in rows and columns.
    Pixels without a value in either count in neither.
    """
    later = carried(after, axial, lateral)
    use = region & np.isfinite(before) & np.isfinite(later)
    b, a = before[use].astype(np.float64), later[use].astype(np.float64)
    if not b.size:
        return Stability()
    db, da, change = b - b.mean(), a - a.mean(), a - b
    return Stability(
        pixels=int(b.size),
        product=float(np.dot(db, da)),
        before=float(np.dot(db, db)),
        after=float(np.dot(da, da)),
        squared_change=float(np.dot(change, change)),
    )
