"""Is a lesion seen where there is one, and is none seen where there is none."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import label

from engine.metrics.accuracy import Map, Mask


def matched_filter(relative: Map, template: Map, around: Mask) -> float:
    """How much of `template` a map of relative strain (1 = average) holds: 1 for all of it, 0 for none.

    Template and map lose their mean over `around`, so brightness does not count, only the pattern.
    """
    t = template[around] - template[around].mean()
    m = relative[around] - relative[around].mean()
    return float(np.dot(m, t) / np.dot(t, t))


def auc(present: Sequence[float], absent: Sequence[float]) -> float:
    """Area under the ROC curve: chance that an image with lesion scores above one without (Mann-Whitney)."""
    p, a = np.asarray(present, float)[:, None], np.asarray(absent, float)[None, :]
    return float(np.mean((p > a) + 0.5 * (p == a))) if p.size and a.size else float("nan")


def fitted_auc(present: Sequence[float], absent: Sequence[float]) -> float:
    """The same for normal scores of these means and variances: Phi((mu_1 - mu_0) / sqrt(var_1 + var_0)).

    Resolves values near 1 that a few dozen images cannot count (Barrett and Myers 2004, section 13.2).
    """
    p, a = np.asarray(present, float), np.asarray(absent, float)
    if p.size < 2 or a.size < 2:
        return float("nan")
    distance = (p.mean() - a.mean()) / math.sqrt(max(p.var(ddof=1) + a.var(ddof=1), 1e-30))
    return 0.5 * math.erfc(-distance / math.sqrt(2.0))


def invented_blobs(
    strain: Map,
    truth: Map,
    region: Mask,
    pitch_mm: tuple[float, float],
    *,
    contrast: float = 1.5,
    diameter_mm: float = 3.0,
) -> int:
    """Connected areas, as large as a disc of `diameter_mm`, where strain over truth is off by `contrast`.

    Strain reads as stiffness, so the ratio counts: estimate / truth above `contrast` or below 1 / `contrast`.
    Opposite sign counts as off. Harder and softer areas are counted apart.
    """
    use = region & np.isfinite(truth) & (np.abs(truth) > 0)
    ratio = np.divide(strain, truth, out=np.ones_like(truth), where=use)
    least = math.pi / 4.0 * diameter_mm**2 / (pitch_mm[0] * pitch_mm[1])
    found = 0
    for off in (ratio > contrast, ratio < 1.0 / contrast):
        labels, _ = label(off & use)
        sizes = np.bincount(labels.ravel())[1:]
        found += int(np.count_nonzero(sizes >= least))
    return found
