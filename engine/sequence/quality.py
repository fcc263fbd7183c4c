"""Is this pair worth showing? Decisions from a strain result alone, with every threshold named.

The figures are robust (medians) and taken over the confident pixels of the region of interest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.spec import QualityRejection, StrainResult

BLOCKS = 8  # each way: about 5 x 5 mm of a usual image, the average of ten or more strain windows
SMALLEST_STD = 1e-9  # two identical frames leave no residual, and nothing can be divided by that
ENOUGH = 2**13  # values for a median: neighbours within a window are redundant, and each costs time
CLEARLY_SIGNED = 0.25  # of the median strain: the sign of a stiff block near zero is not significant


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Limits beyond which a pair is rejected; strain is dimensionless, lateral motion in lines."""

    min_ncc: float = 0.80
    min_strain: float = 0.0005
    max_strain: float = 0.04
    max_lateral: float = 2.0
    min_one_sign: float = 0.85
    max_strain_std: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class PairQuality:
    """What a pair is worth. Figures are None where no pixel is confident enough to give one."""

    rejection: QualityRejection | None
    """None, or the engine's own reason, or the first check that failed."""
    quality: float
    """0 (unusable) to 1: median NCC above its threshold, times the share of confident pixels."""
    mean_strain: float | None
    """Median axial strain, signed."""
    predicted_snre: float | None
    """|mean_strain| over the median strain_std: what SNRe a uniform region would show."""
    median_ncc: float | None
    lateral_motion: float | None
    """lines, median."""
    valid: NDArray[np.bool_]
    """(rows, cols): pixels that hold a value."""


def assess_pair_quality(
    result: StrainResult, thresholds: Thresholds, region: NDArray[np.bool_] | None = None
) -> PairQuality:
    """Assess one result over `region` (rows, cols), or over the whole map.

    Checks go from cause to consequence: an engine's own reason, then decorrelated (median NCC), sliding
    (lateral motion), no_motion and too_much_motion (median strain), and sliding again where parts of the
    region move against each other: of 8 x 8 blocks that strain at least a quarter of the median and more than
    a pixel's noise there, fewer than `min_one_sign` share its sign. Blocks, because single pixels of a weak
    pair are mostly noise, and so are whole blocks in a shadow.
    """
    maps = (result.strain_std, result.axial_strain, result.lateral_displacement, result.ncc)
    finite = np.logical_and.reduce([np.isfinite(values) for values in maps])
    if region is not None:
        finite &= region
    valid = finite & (result.strain_std <= thresholds.max_strain_std)
    n_finite, n_valid = np.count_nonzero(finite), np.count_nonzero(valid)
    if result.rejection is not None or not n_valid:
        reason = result.rejection or "decorrelated"
        return PairQuality(
            rejection=reason,
            quality=0.0,
            mean_strain=None,
            predicted_snre=None,
            median_ncc=median(result.ncc[finite]) if n_finite else None,
            lateral_motion=None,
            valid=valid,
        )
    ncc = median(result.ncc[finite])
    lateral = median(result.lateral_displacement[valid])
    mean, sigma = median(result.axial_strain[valid]), median(result.strain_std[valid])
    blocks, noise = _blocks(result, valid)
    clear = blocks[np.abs(blocks) >= np.maximum(CLEARLY_SIGNED * abs(mean), noise)]
    one_sign = float(np.mean((clear > 0) == (mean > 0))) if clear.size else 1.0
    rejection: QualityRejection | None = None
    if ncc < thresholds.min_ncc:
        rejection = "decorrelated"
    elif abs(lateral) > thresholds.max_lateral:
        rejection = "sliding"
    elif abs(mean) < thresholds.min_strain:
        rejection = "no_motion"
    elif abs(mean) > thresholds.max_strain:
        rejection = "too_much_motion"
    elif one_sign < thresholds.min_one_sign:
        rejection = "sliding"
    share = n_valid / n_finite
    goodness = (ncc - thresholds.min_ncc) / (1.0 - thresholds.min_ncc) if thresholds.min_ncc < 1 else 0.0
    return PairQuality(
        rejection=rejection,
        quality=0.0 if rejection else float(np.clip(goodness, 0.0, 1.0) * share),
        mean_strain=mean,
        predicted_snre=abs(mean) / sigma if sigma > 0 else None,
        median_ncc=ncc,
        lateral_motion=lateral,
        valid=valid,
    )


def median(values: NDArray[np.float32]) -> float:
    """Median of flattened `values`; of every so many where there are far more than a median needs.

    The stride is odd, so that it falls on every line of maps whose width is a power of two.
    """
    stride = max(1, values.size // ENOUGH) | 1
    return float(np.median(values[::stride]))


def _blocks(
    result: StrainResult, valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Strain of blocks at least half valid, averaged with weight 1 / variance; and a pixel's std there.

    Both 1-D. A block averages ten or more strain windows, so by noise alone its mean lies within a third of
    that standard deviation, which is the harmonic mean over the block: shadows count little. Of variances it
    would be ruled by the few pixels that look surest, because a pixel's own standard deviation scatters.
    """
    rows, cols = (n // BLOCKS for n in valid.shape)
    if rows == 0 or cols == 0:
        return np.empty(0), np.empty(0)
    cut = (slice(0, BLOCKS * rows), slice(0, BLOCKS * cols))
    counts = valid[cut]
    # weight 0 where nothing counts; infinite or missing values must not reach the sums
    std = np.where(counts, result.strain_std[cut], np.float32(np.inf))
    inverse = 1.0 / np.maximum(std, SMALLEST_STD)
    weight = np.square(inverse)
    weighted = np.where(counts, result.axial_strain[cut], np.float32(0)) * weight
    # rows first: sums down whole rows are many times faster than sums over short pieces of them
    by_depth = (
        values.reshape(BLOCKS, rows, -1).sum(axis=1, dtype=np.float64)
        for values in (weight, weighted, inverse, counts)
    )
    totals, sums, inverses, shares = (values.reshape(BLOCKS, BLOCKS, cols).sum(axis=2) for values in by_depth)
    filled = (shares >= rows * cols / 2) & (totals > 0)
    return sums[filled] / totals[filled], shares[filled] / inverses[filled]
