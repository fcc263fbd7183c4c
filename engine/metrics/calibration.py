"""Calibration and sparsification of a standard deviation map."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.metrics.accuracy import Map, Mask
from engine.metrics.sums import Sums

STEPS = 20
DECILES = 10
BANDS: Final = (-np.inf, 0.7, 0.9, np.inf)  # of echo match
INTERVAL = 1.959964  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Calibration(Sums):
    """Sums over the pixels whose standard deviation is finite; can be added over pairs."""

    pixels: int = 0
    squared_z: float = 0.0
    """Sum of (error / std)^2."""
    covered: int = 0
    """Pixels whose 95 % interval holds the truth."""

    @property
    def z(self) -> float:
        """Root mean square of error / std: 1 is calibrated, above 1 the std is too small."""
        return float(np.sqrt(self.squared_z / self.pixels)) if self.pixels else float("nan")

    @property
    def coverage(self) -> float:
        """Share of pixels inside their own 95 % interval."""
        return self.covered / self.pixels if self.pixels else float("nan")


def calibration(estimate: Map, truth: Map, std: Map, region: Mask) -> Calibration:
    """Sums over the region where truth exists and `std` (unit of the maps) is finite and positive."""
    use = region & np.isfinite(truth) & np.isfinite(std) & (std > 0)
    error = (estimate[use] - truth[use]).astype(np.float64)
    sigma = std[use].astype(np.float64)
    z = np.abs(error) / sigma
    return Calibration(
        pixels=int(z.size),
        squared_z=float(np.dot(z, z)),
        covered=int(np.count_nonzero(z <= INTERVAL)),
    )


def by_decile(z: NDArray[np.floating], std: NDArray[np.floating]) -> list[float]:
    """RMS of error over standard deviation in every decile of it, smallest first; NaN for an empty one."""
    edges = np.quantile(std, np.linspace(0, 1, DECILES + 1))
    place = np.clip(np.searchsorted(edges, std) - 1, 0, DECILES - 1)
    return [rms(z[place == k]) for k in range(DECILES)]


def by_band(z: NDArray[np.floating], match: NDArray[np.floating]) -> list[float]:
    """The same in every band of echo match, lowest first."""
    return [rms(z[(low <= match) & (match < high)]) for low, high in pairwise(BANDS)]


def rms(values: NDArray[np.floating]) -> float:
    """Root mean square, NaN of nothing."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Sparsification:
    """RMSE of what is left when a share of the pixels is dropped, over the RMSE of all, (STEPS,) each."""

    by_std: NDArray[np.float64]
    """Largest standard deviation first."""
    by_error: NDArray[np.float64]
    """Largest error first: no order does better."""

    @property
    def error(self) -> float:
        """Area between the curves: 0 is the best order, the whole of the oracle's gain a useless one."""
        return float(np.mean(self.by_std - self.by_error))

    @property
    def gain(self) -> float:
        """Share of the oracle's gain that the order by std brings: 1 all, 0 none (random order)."""
        possible = float(np.mean(1.0 - self.by_error))
        return float(np.mean(1.0 - self.by_std)) / possible if possible > 0 else float("nan")


def sparsification(estimate: Map, truth: Map, std: Map, region: Mask) -> Sparsification:
    """Curves over shares dropped 0, 1/STEPS ... (Ilg et al., ECCV 2018). Infinite std drops out first."""
    use = region & np.isfinite(truth)
    squared = ((estimate[use] - truth[use]).astype(np.float64)) ** 2
    all_pixels = max(float(squared.mean()), 1e-30) if squared.size else 1.0

    def curve(order: NDArray[Any]) -> NDArray[np.float64]:
        ordered = squared[np.argsort(order, kind="stable")]
        counts = np.maximum(1, (len(ordered) * (1.0 - np.arange(STEPS) / STEPS)).astype(int))
        return np.asarray(np.sqrt(np.cumsum(ordered)[counts - 1] / counts / all_pixels))

    return Sparsification(by_std=curve(std[use]), by_error=curve(squared))
