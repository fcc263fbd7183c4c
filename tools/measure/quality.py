"""Q, the quality of a strain image, from its own deviations."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid

NOISE_STD: Final = 0.3
"""c of the quality bar: standard deviation of relative strain at which an image is worth nothing."""


def image_quality(std: NDArray[np.floating[Any]], region: NDArray[np.bool_]) -> float:
    """Q = median over the region of max(0, 1 - s^2 / c^2), 0 to 1; s is the deviation of relative strain.

    A pixel without a value counts as 0. 0 where the region is empty.
    """
    s = std[region]
    if not s.size:
        return 0.0
    finite = np.where(np.isfinite(s), s, np.float32(np.inf))
    return float(np.median(np.maximum(0.0, 1.0 - np.square(finite / np.float32(NOISE_STD)))))


def renormalised(
    relative: NDArray[np.float32], std: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Relative strain and its deviation over the median inside a region; NaN outside it.

    None where that median is not above 0: then there is no average to compare with.
    """
    values = relative[inside & np.isfinite(relative)]
    average = np.float32(np.median(values)) if values.size else np.float32(0)
    if average <= 0:
        return None
    nan = np.float32(np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(inside, relative / average, nan), np.where(inside, std / average, nan)


def region_mask(
    grid: Grid, shape: tuple[int, ...], region: tuple[float, float, float, float] | None
) -> NDArray[np.bool_]:
    """(rows, cols), the cells inside a region of interest in the grid's units; all where it is None."""
    rows, cols = shape
    if region is None:
        return np.ones((rows, cols), np.bool_)
    depth = grid.axial_start + grid.axial_step * np.arange(rows)
    across = grid.lateral_start + grid.lateral_step * np.arange(cols)
    row = (depth >= region[0]) & (depth <= region[1])
    col = (across >= region[2]) & (across <= region[3])
    inside: NDArray[np.bool_] = row[:, None] & col[None, :]
    return inside
