"""The mean of a region of a strain map, its standard deviation, and the ratio of two means. NumPy only.

Errors of neighbouring pixels are alike: their correlation falls to 1/e over the lengths Lz and Lx,
rho(dz, dx) = exp(-(dz / Lz)^2 - (dx / Lx)^2). The variance of a weighted mean is the sum of
w_i s_i rho_ij w_j s_j over all pairs of pixels; rho being separable, that is two small matrix products.
The interval of a ratio is Fieller's (Fieller, J. R. Stat. Soc. B 16(2), 1954).
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating[Any]]
Z95: Final = 1.959964
"""Two-sided 95 % of a normal distribution."""
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionMean:
    """What a region of a map holds; `mean`, `std` and `spread` are NaN where it has no value."""

    mean: float
    std: float
    """Standard deviation of `mean`, from the map's own deviations and their correlation lengths."""
    pixel_std: float
    """RMS of those deviations."""
    spread: float
    """Standard deviation of the values inside the region."""
    valid_share: float
    """Area with values over the region's area, 0-1."""
    pixels: int
    """Pixels with values."""

    @property
    def snre(self) -> float:
        """mean / spread; NaN where there is none, or no more than rounding leaves."""
        return self.mean / self.spread if self.spread > _ROUNDING * abs(self.mean) else math.nan


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two means and its 95 % interval."""

    value: float
    """NaN where the denominator is no number."""
    low: float
    high: float
    """Infinite where the denominator is within two deviations of 0: the interval is open."""

    @property
    def text(self) -> str:
        """As it is printed: '2.18 (1.95 to 2.47)', 'above 4.1', or 'unknown'."""
        if not math.isfinite(self.value) or math.isinf(self.low):
            return "unknown"
        if math.isinf(self.high):
            return f"above {self.low:.1f}"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def region_mean(
    values: Map,
    std: Map,
    region: NDArray[np.bool_],
    *,
    pitch: tuple[float, float],
    correlation: tuple[float, float],
    areas: Map | None = None,
) -> RegionMean:
    """Mean of `values` (rows, cols) over `region`, NaN left out, weighted by `areas` where cells differ.

    `std` is the standard deviation of every value; `pitch` between rows and columns and `correlation`, the
    lengths Lz and Lx, are in the same unit.
    """
    weights = np.where(region, 1.0, 0.0) * (1.0 if areas is None else areas)
    total = float(weights.sum())
    valid = region & np.isfinite(values) & np.isfinite(std)
    weights = np.where(valid, weights, 0.0)
    valid_area = float(weights.sum())
    if valid_area == 0:
        nothing = math.nan
        return RegionMean(
            mean=nothing, std=nothing, pixel_std=nothing, spread=nothing, valid_share=0.0, pixels=0
        )
    weights /= valid_area
    filled = np.where(valid, values, 0.0).astype(np.float64)
    mean = float((weights * filled).sum())
    spread = math.sqrt(max(0.0, float((weights * np.square(filled - mean)).sum())))
    errors = np.where(valid, std, 0.0).astype(np.float64)
    variance = covariance(weights * errors, None, pitch=pitch, correlation=correlation)
    return RegionMean(
        mean=mean,
        std=math.sqrt(max(variance, 0.0)),
        pixel_std=math.sqrt(float((weights * np.square(errors)).sum())),
        spread=spread,
        valid_share=valid_area / total,
        pixels=int(valid.sum()),
    )


def covariance(
    first: Map, second: Map | None, *, pitch: tuple[float, float], correlation: tuple[float, float]
) -> float:
    """Covariance of two weighted means with these maps of weight x deviation; None: the first's variance."""
    second = first if second is None else second
    rows = np.flatnonzero((first != 0).any(axis=1) | (second != 0).any(axis=1))
    cols = np.flatnonzero((first != 0).any(axis=0) | (second != 0).any(axis=0))
    if not rows.size or not cols.size:
        return 0.0
    box = np.ix_(rows, cols)
    along = _correlation(rows, pitch[0] / correlation[0])
    across = _correlation(cols, pitch[1] / correlation[1])
    return float((first[box] * (along @ second[box] @ across)).sum())


def ratio(reference: RegionMean, lesion: RegionMean, shared: float = 0.0) -> Ratio:
    """Mean of `reference` over that of `lesion`, Fieller's 95 % interval; `shared` is their covariance."""
    a, b = lesion.mean, reference.mean
    if not (math.isfinite(a) and math.isfinite(b)) or a == 0:
        return Ratio(math.nan, -math.inf, math.inf)
    va, vb, q = lesion.std**2, reference.std**2, Z95**2
    # all r with (b - r a)^2 <= q (vb - 2 r shared + r^2 va)
    square, linear, constant = a * a - q * va, a * b - q * shared, b * b - q * vb
    inner = linear * linear - square * constant
    if square > 0:
        root = math.sqrt(max(inner, 0.0))
        return Ratio(b / a, (linear - root) / square, (linear + root) / square)
    if inner <= 0:
        return Ratio(b / a, -math.inf, math.inf)
    # the set is all r outside two roots: of a positive lesion the side above the larger one is meant
    root = math.sqrt(inner)
    upper = max((linear - root) / square, (linear + root) / square)
    return Ratio(b / a, upper, math.inf) if upper > 0 else Ratio(b / a, -math.inf, math.inf)


def _correlation(index: NDArray[np.intp], step: float) -> NDArray[np.float64]:
    distance = (index[:, None] - index[None, :]) * step
    return np.asarray(np.exp(-np.square(distance)))
