"""Is this pair worth showing? Decisions from a strain result alone, with every threshold named.

The figures are robust (medians) and taken over the confident pixels of the region of interest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.spec import StrainResult

BLOCKS = 8  # each way: about 5 x 5 mm of a usual picture, the average of ten or more strain windows
SMALLEST_STD = 1e-9  # two identical frames leave no residual, and nothing can be divided by that
CLEARLY_SIGNED = 0.25  # of the median strain: a stiff block near zero says nothing of direction


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
class Verdict:
    """What a pair is worth. Figures are None where no pixel is confident enough to give one."""

    rejection: str | None
    """None, or decorrelated, no_motion, too_much_motion, sliding, or the engine's own reason."""
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


def judge(result: StrainResult, thresholds: Thresholds, region: NDArray[np.bool_] | None = None) -> Verdict:
    """Judge one result over `region` (rows, cols), or over the whole map.

    Checks go from cause to consequence: an engine's own reason, then decorrelated (median NCC), sliding
    (lateral motion), no_motion and too_much_motion (median strain), and sliding again where parts of the
    region move against each other: of 8 x 8 blocks that strain at least a quarter of the median, fewer than
    `min_one_sign` share its sign. Blocks, because single pixels of a weak pair are mostly noise.
    """
    inside = np.ones(result.axial_strain.shape, bool) if region is None else region
    maps = (result.strain_std, result.axial_strain, result.lateral_displacement, result.ncc)
    informed = inside & np.logical_and.reduce([np.isfinite(values) for values in maps])
    valid = informed & (result.strain_std <= thresholds.max_strain_std)
    if result.rejection is not None or not valid.any():
        reason = result.rejection or "decorrelated"
        return Verdict(
            rejection=reason,
            quality=0.0,
            mean_strain=None,
            predicted_snre=None,
            median_ncc=float(np.median(result.ncc[informed])) if informed.any() else None,
            lateral_motion=None,
            valid=valid,
        )
    ncc = float(np.median(result.ncc[informed]))
    lateral = float(np.median(result.lateral_displacement[valid]))
    strain, std = result.axial_strain[valid], result.strain_std[valid]
    mean, sigma = float(np.median(strain)), float(np.median(std))
    blocks = _block_means(result, valid)
    clear = blocks[np.abs(blocks) >= CLEARLY_SIGNED * abs(mean)]
    one_sign = float(np.mean((clear > 0) == (mean > 0))) if clear.size else 1.0
    rejection = None
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
    share = float(np.mean(valid[informed]))
    goodness = (ncc - thresholds.min_ncc) / (1.0 - thresholds.min_ncc) if thresholds.min_ncc < 1 else 0.0
    return Verdict(
        rejection=rejection,
        quality=0.0 if rejection else float(np.clip(goodness, 0.0, 1.0) * share),
        mean_strain=mean,
        predicted_snre=abs(mean) / sigma if sigma > 0 else None,
        median_ncc=ncc,
        lateral_motion=lateral,
        valid=valid,
    )


def _block_means(result: StrainResult, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Strain of blocks that are at least half valid, averaged with weight 1 / variance; 1-D."""
    rows, cols = (n // BLOCKS for n in valid.shape)
    if rows == 0 or cols == 0:
        return np.empty(0, np.float32)
    cut = (slice(0, BLOCKS * rows), slice(0, BLOCKS * cols))
    counts = valid[cut]
    weight = np.zeros(counts.shape, np.float32)
    std = np.maximum(result.strain_std[cut], SMALLEST_STD)
    np.divide(1.0, np.square(std), out=weight, where=counts)
    weighted = np.where(counts, result.axial_strain[cut], np.float32(0)) * weight
    totals, sums, shares = (
        values.reshape(BLOCKS, rows, BLOCKS, cols).sum(axis=(1, 3), dtype=np.float64)
        for values in (weight, weighted, counts)
    )
    known = (shares >= rows * cols / 2) & (totals > 0)
    return np.asarray(sums[known] / totals[known], np.float32)
