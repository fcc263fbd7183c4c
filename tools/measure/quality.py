"""Q, the quality of a strain image: what its own deviations leave of the contrast that it shows.

    Q = valid share x max(0, 1 - k mean s^2 / min(v, C^2))

over the region, with s the deviation of relative strain, v the variance of its values, and C = 0.3, so that
noise whose size an engine underestimates never counts as contrast. 1 - NRMSE^2 is the same with the true
error and contrast. k is 1 where an engine's deviation holds all of its error; the reference engine's lacks
what its strain window erases. An image without contrast has nothing to trust and a quality of 0.

Chosen among about 90 variants of form and constants, on 14 simulated hands on drawn tissue with 192 images
of the network and 191 of the reference engine; docs/evaluation/quality.md has the figures on others. Where
it was chosen, the median of 1 - s^2 / C^2, as consoles have it, was green in 34 of 95 images of the network
with an NRMSE above 0.6, and with C = 0.15 in 17.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid

Values = NDArray[np.floating[Any]]
MAX_CONTRAST: Final = 0.3
"""C, relative strain."""
LEFT_OUT: Final = {"reference": 4.0}
"""k by engine. Its squared error on drawn tissue is 5.6 times s^2 in the median image, on inclusions 1.3."""
_MAX_STD: Final = 1.0  # an error as large as the average is worth no more than no value


def image_quality(relative: Values, std: Values, region: NDArray[np.bool_], engine: str) -> float:
    """Q of relative strain and its deviation, 0 to 1; 0 where the region holds no value."""
    noise, contrast, share = parts(relative, std, region, engine)
    return share * max(0.0, 1.0 - noise / min(contrast, MAX_CONTRAST**2)) if contrast > 0 else 0.0


def parts(
    relative: Values, std: Values, region: NDArray[np.bool_], engine: str
) -> tuple[float, float, float]:
    """k mean s^2, v and the share of the region with values; zeros where it has none."""
    valid = region & np.isfinite(relative) & np.isfinite(std)
    if not valid.any():
        return 0.0, 0.0, 0.0
    noise = np.mean(np.square(np.minimum(std[valid], _MAX_STD), dtype=np.float64))
    contrast = np.var(relative[valid], dtype=np.float64)
    return LEFT_OUT.get(engine, 1.0) * float(noise), float(contrast), float(valid.sum() / region.sum())


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
