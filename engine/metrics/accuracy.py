"""How far an estimate is off: sums over pixels that can be pooled over pairs before anything is divided."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metrics.sums import Sums

Map = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Accuracy(Sums):
    """Sums over the pixels of one or more pairs. Deviations are from each pair's own mean."""

    pixels: int = 0
    error: float = 0.0
    """Sum of estimate - truth."""
    squared_error: float = 0.0
    truth_variance: float = 0.0
    """Sum of squared deviations of truth."""
    estimate_variance: float = 0.0
    covariance: float = 0.0

    @property
    def bias(self) -> float:
        """Mean of estimate - truth, in the unit of the maps; NaN without pixels."""
        return self.error / self.pixels if self.pixels else float("nan")

    @property
    def rmse(self) -> float:
        """Root of the mean squared error, in the unit of the maps; NaN without pixels."""
        return float(np.sqrt(self.squared_error / self.pixels)) if self.pixels else float("nan")

    @property
    def nrmse(self) -> float:
        """RMSE over the standard deviation of truth within its pair; NaN where truth is uniform.

        The field's NRMSE. A constant map of the true mean has 1.
        """
        return float(np.sqrt(self.squared_error / self.truth_variance)) if self.varies else float("nan")

    @property
    def contrast_recovery(self) -> float:
        """Regression of estimate on truth: 1 keeps contrast, 0 has none; NaN where truth is uniform.

        The estimate of least squared error with an NRMSE of e recovers 1 - e^2.
        """
        return self.covariance / self.truth_variance if self.varies else float("nan")

    @property
    def varies(self) -> bool:
        """Whether truth has contrast at all; uniform strain computed in float32 has about 1e-9."""
        return self.pixels > 0 and self.truth_variance > self.pixels * 1e-14


def accuracy(estimate: Map, truth: Map, region: Mask) -> Accuracy:
    """Sums over the pixels of `region` where truth exists. Maps (rows, cols) of one unit."""
    use = region & np.isfinite(truth)
    e, t = estimate[use].astype(np.float64), truth[use].astype(np.float64)
    if not e.size:
        return Accuracy()
    error, dt, de = e - t, t - t.mean(), e - e.mean()
    return Accuracy(
        pixels=e.size,
        error=float(error.sum()),
        squared_error=float(np.dot(error, error)),
        truth_variance=float(np.dot(dt, dt)),
        estimate_variance=float(np.dot(de, de)),
        covariance=float(np.dot(de, dt)),
    )


def cycle_skips(estimate: Map, truth: Map, region: Mask, cycles_per_sample: float) -> float:
    """Share of the region's pixels whose displacement (samples) is off by more than a quarter of a cycle.

    A quarter, because echoes repeat after half a cycle of displacement: beyond fs / (4 fc) the next peak is
    nearer.
    """
    use = region & np.isfinite(truth)
    return float(np.mean(np.abs(estimate - truth)[use] > 0.25 / cycles_per_sample))


def snre(strain: Map, region: Mask) -> float:
    """|mean| over standard deviation in a region of uniform true strain, amplitude ratio.

    Increases with smoothing and is infinite for a constant map; always report it together with resolution.
    """
    values = strain[region].astype(np.float64)
    spread = float(values.std())
    return abs(float(values.mean())) / spread if spread > 0 else float("inf")


def cnre(strain: Map, target: Mask, background: Mask) -> float:
    """sqrt(2 (mean_b - mean_t)^2 / (var_b + var_t)): the root form, an amplitude ratio.

    Varghese and Ophir, Ultrasound in Med. & Biol. 24(3), 1998 give it squared.
    """
    t, b = (strain[mask].astype(np.float64) for mask in (target, background))
    spread = float(t.var() + b.var())
    return float(np.sqrt(2.0 * (b.mean() - t.mean()) ** 2 / spread)) if spread > 0 else float("inf")


def mean_preserved(strain: Map, displacement: Map, rows: Map, region: Mask) -> float:
    """Mean strain over mean displacement gradient of a rectangular region: 1 where the mean is kept.

    The gradient is the difference between the last and the first row of the region over their distance,
    `rows` being the samples of each row. Strain integrated over parts must equal that of the whole.
    """
    used = np.flatnonzero(region.any(axis=1))
    columns = region[used].all(axis=0)
    if used.size < 2 or not columns.any():
        return float("nan")
    first, last = int(used[0]), int(used[-1])
    inside = strain[first : last + 1][:, columns].astype(np.float64)
    # the trapezoidal mean, because the difference spans from the middle of the first row to that of the last
    mean = float(
        (inside.sum() - 0.5 * (inside[0].sum() + inside[-1].sum())) / ((last - first) * columns.sum())
    )
    difference = float((displacement[last, columns] - displacement[first, columns]).mean())
    gradient = difference / float(rows[last] - rows[first])
    return mean / gradient if gradient else float("nan")
