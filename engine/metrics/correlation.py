"""Do the frames match once motion is compensated, and is that more than the truth could explain."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from engine.metrics.accuracy import Map, Mask


def in_band(frame: NDArray[Any], cycles_per_sample: float, width: float) -> NDArray[np.float64]:
    """RF (n_axial, n_lateral) without what lies outside the pulse's band: centre and full `width` of it.

    Noise beyond the band lowers a correlation although no estimator listens to it. `width` is a fraction of
    the centre.
    """
    spectrum = np.fft.rfft(np.asarray(frame, np.float64), axis=0)
    away = np.abs(np.fft.rfftfreq(frame.shape[0]) - cycles_per_sample)
    spectrum[away > 0.5 * width * cycles_per_sample] = 0.0
    return np.fft.irfft(spectrum, frame.shape[0], axis=0)


def warped_ncc(
    pre: NDArray[Any],
    post: NDArray[Any],
    *,
    axial: Map,
    lateral: Map,
    rows: Map,
    columns: Map,
    region: Mask,
) -> float:
    """Correlation of pre and displacement-compensated post over `region`, -1..1.

    Frames are real RF (n_axial, n_lateral); displacement maps (samples, lines) lie on the regular grid of
    `rows` x `columns`, where `region` lies too; every sample between the grid's first and last is compared. A
    value above that of the true displacement means that noise was fitted. Cubic splines: at three samples
    per cycle or more their error is far below the noise.
    """
    used = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    z = np.arange(int(rows[used[0][0]]), int(rows[used[0][-1]]) + 1, dtype=np.float64)
    x = columns[used[1][0] : used[1][-1] + 1].astype(np.float64)
    on_rows = (z - rows[0]) / (rows[1] - rows[0])
    grid = np.meshgrid(on_rows, np.arange(used[1][0], used[1][-1] + 1, dtype=np.float64), indexing="ij")
    complete = [np.where(np.isfinite(m), m, 0.0) for m in (axial, lateral)]
    u, v = (map_coordinates(m, grid, order=1, mode="nearest") for m in complete)
    there = [z[:, None] + u, x[None, :] + v]
    warped = map_coordinates(np.asarray(post, np.float64), there, order=3, mode="nearest")
    here = np.asarray(pre, np.float64)[int(z[0]) : int(z[-1]) + 1][:, x.astype(int)]
    inside = map_coordinates(region.astype(np.float64), grid, order=0, mode="nearest") > 0
    a, b = here[inside], warped[inside]
    power = float(np.dot(a, a) * np.dot(b, b))
    return float(np.dot(a, b) / np.sqrt(power)) if power > 0 else float("nan")
