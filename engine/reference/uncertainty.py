"""How far a fitted strain is off: closed form from the local correlation, scaled by how noise hangs together.

1. Level. Cramér-Rao bound of delay estimation carried through the line fit (Walker and Trahey, IEEE Trans.
   UFFC 42(2), 1995; Varghese and Ophir, IEEE Trans. UFFC 44(1), 1997): phase variance (1 / ncc^2 - 1) / 2 per
   sample. The measured ncc holds electronic noise, out-of-plane motion and stretched pulses together.
2. Structure. How many samples are independent differs: electronic noise is white across lines, out-of-plane
   motion has the shape of a speckle, a stretched pulse leaves little at low frequency. It is measured per
   pair and band of depth as the autocorrelation of what is left of the phase after the line fit.
3. Bias. A line over a window misses the curvature of strain inside it; the curvature is read off the map.
"""

import numpy as np
from numpy.typing import NDArray

from engine.spec import FloatArray
from engine.strain import StrainWindow

ROW_LAGS = 16  # 8 cycles: what pulses stretched by strain leave takes that long to cancel
LINE_LAGS = 5
WINDOWS_PER_BAND = 5
MIN_STRUCTURE = 0.05
MIN_LEFT = 0.3
AXIAL_CURVATURE = 1 / 10  # of the second difference over half windows: bias s'' T^2 / 40 of a line fit
CURVATURE_OF_NOISE = 0.07  # of the variance: 6 / 10^2 + 6 / 24^2, what the differences make of noise alone
LATERAL_CURVATURE = 1 / 24  # of the second difference over a window: bias s'' W^2 / 24 of a mean


def autocorrelation(values: FloatArray, lags: int) -> FloatArray:
    """Correlation of `values` with themselves along the last axis at lags 0 ... `lags`, 1 at lag 0."""
    n = values.shape[-1]
    sums = [float(np.vdot(values[..., k:], values[..., : n - k])) for k in range(lags + 1)]
    return np.array([total / max(sums[0], 1e-20) for total in sums], np.float32)


def structure(residual: FloatArray, window: StrainWindow) -> float:
    """Variance of a windowed, ramp-weighted sum of `residual` over that of as many independent samples.

    `residual` (lines, rows) lacks what the line fit took out of it; that loss is undone for noise that is
    white at the scale of the window, and limited where it is not.
    """
    length = max(4, round(window.axial / window.row_pitch))
    row_lags = min(ROW_LAGS, length - 1, residual.shape[1] - 1)
    line_lags = min(LINE_LAGS, len(residual) - 1)
    both_sides = np.float32(2.0)  # lags of either sign, and lag 0 once
    ramp = np.arange(length, dtype=np.float32) - (length - 1) / 2
    axial_share = both_sides * autocorrelation(ramp, row_lags)
    axial_share[0] = 1.0
    across = window.across[len(window.across) // 2]
    lateral_share = both_sides * autocorrelation(across, line_lags)
    lateral_share[0] = 1.0
    axial = float(np.dot(autocorrelation(residual[::2], row_lags), axial_share))
    by_line = np.ascontiguousarray(residual[:, ::2].T)
    lateral = float(
        np.dot(autocorrelation(by_line, line_lags), lateral_share) * np.sum(across**2) / np.sum(across)
    )
    width = float(np.sum(across))
    # the fit takes a mean and a slope per window: a share of every lag, the same share of the variance
    axial = max(axial, MIN_STRUCTURE) / max(
        1.0 - lateral * float(np.sum(axial_share)) / (width * length), MIN_LEFT
    )
    share = min(axial * lateral / (width * length), 1.0)
    return axial * max(lateral + share * (width - lateral), MIN_STRUCTURE)


def noise_scale(
    residual: FloatArray, excess: FloatArray, informed: NDArray[np.bool_], window: StrainWindow
) -> FloatArray:
    """Variance of the fit over that of independent samples at the level of the bound, per output row.

    `residual` (lines, rows) in units of the predicted level, `excess` (lines, output rows) its measured
    variance per window in the same unit. Measured over bands of depth and interpolated: what kind of noise
    rules changes with depth. At least one pixel must be `informed`.
    """
    n_rows = residual.shape[1]
    bands = max(1, int(n_rows * window.row_pitch / (WINDOWS_PER_BAND * window.axial)))
    edges = np.linspace(0, n_rows, bands + 1).astype(int)
    band_of = np.searchsorted(edges[1:-1] * window.row_pitch, window.output_rows, side="right")
    centers, scales = [], []
    for band in range(bands):
        # every other line, every fourth row: neighbours say nearly the same
        some = np.ix_(np.arange(0, len(excess), 2), np.flatnonzero(band_of == band)[::4])
        values = excess[some][informed[some]]
        if values.size:
            centers.append(0.5 * (edges[band] + edges[band + 1]) * window.row_pitch)
            inside = residual[:, edges[band] : edges[band + 1]]
            scales.append(float(np.median(values)) * structure(inside, window))
    result: FloatArray = np.interp(window.output_rows, centers, scales).astype(np.float32)
    return result


def curvature_bias(strain: FloatArray, half_rows: int, lines: int) -> FloatArray:
    """Squared bias of a fit over 2 * half_rows by `lines`, from the curvature of strain (lines, rows)."""
    down = np.pad(strain, ((0, 0), (half_rows, half_rows)), mode="edge")
    along = down[:, 2 * half_rows :] - 2 * strain + down[:, : -2 * half_rows]
    aside = np.pad(strain, ((lines, lines), (0, 0)), mode="edge")
    across = aside[2 * lines :] - 2 * strain + aside[: -2 * lines]
    bias: FloatArray = (AXIAL_CURVATURE * along) ** 2 + (LATERAL_CURVATURE * across) ** 2
    return bias
