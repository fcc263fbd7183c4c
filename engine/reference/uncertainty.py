"""Standard deviation of the fitted strain: a closed form in local correlation, scaled by the measured noise
autocorrelation.

1. Level. Cramér-Rao bound of delay estimation carried through the line fit (Walker and Trahey, IEEE Trans.
   UFFC 42(2), 1995; Varghese and Ophir, IEEE Trans. UFFC 44(1), 1997): phase variance (1 / ncc^2 - 1) / 2 per
   sample. The measured ncc holds electronic noise, out-of-plane motion and stretched pulses together.
2. Structure. How many samples are independent differs: electronic noise is white across lines, out-of-plane
   motion has the shape of a speckle, a stretched pulse leaves little at low frequency. It is measured per
   pair and band of depth as the autocorrelation of what is left of the phase after the line fit.
3. Surroundings. A line over a window misses what strain does inside it: a bend is flattened, and a step is
   rounded off, by half its height at the border. A bend shows as a second difference over half windows. At a
   step this is zero, because it changes sign there; but then its change goes against the slope of strain. The
   two together are Kaiser's energy operator (IEEE ICASSP 1990) of the slope, and both vanish where strain
   changes evenly. Across lines the beam has rounded off the step already, and the plain slope does more.
   Noise also moves a pixel relative to its neighbours, so they indicate where it is large: a third of
   the variance of 1 and 2 is kept everywhere, and on average noise alone brings the rest through the
   differences. So nothing has to be subtracted for it.

Not covered: bias that is locally constant, such as stationary clutter that pulls a whole region towards zero,
and patterns finer than the window, which it erases.
"""

import numpy as np
from numpy.typing import NDArray

from engine.spec import FloatArray
from engine.strain.least_squares import StrainWindow

ROW_LAGS = 16  # 8 cycles: what pulses stretched by strain leave takes that long to cancel
LINE_LAGS = 5
WINDOWS_PER_BAND = 5
MIN_STRUCTURE = 0.05
MIN_LEFT = 0.3

# Fitted by maximum likelihood (normal errors, every pair counting alike) to 58 simulated pairs that no
# evaluation uses, and verified on 58 others: uniform strain, discs and spheres 0.3-6 times as stiff, soft
# spots, gratings, layers, random fields; 0-4 % strain, 8-30 dB or no noise, correlation 0.85-1, 4-12 MHz,
# windows of 2 x 1 mm. NOISE alone is chosen: the likelihood is best at 0.25 or less, but then the median over
# uniform strain, which quality goes by, lies more than a fifth below the error. White noise has 8 times its
# variance in BEND, 2 in LATERAL_SLOPE and 6 in LATERAL_BEND; with STEP the total is 0.94 to 0.98 of it, and
# over uniform pairs, where noise is not white, 0.95 to 1.24.
NOISE = 0.35
BEND = 0.047  # of the squared second difference along the lines; a long bend's s'' T^2 / 40 would be 0.01
STEP = 0.0095  # of the first difference times the change of the second over half a window, where they oppose
LATERAL_SLOPE = 0.023  # of the squared first difference across the lines
LATERAL_BEND = 0.028  # of the squared second


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
    residual: FloatArray, excess: FloatArray, estimated: NDArray[np.bool_], window: StrainWindow
) -> FloatArray:
    """Variance of the fit over that of independent samples at the level of the bound, per output row.

    `residual` (lines, rows) in units of the predicted level, `excess` (lines, output rows) its measured
    variance per window in the same unit. Measured over bands of depth and interpolated: what kind of noise
    rules changes with depth. At least one pixel must be `estimated`.
    """
    n_rows = residual.shape[1]
    bands = max(1, int(n_rows * window.row_pitch / (WINDOWS_PER_BAND * window.axial)))
    edges = np.linspace(0, n_rows, bands + 1).astype(int)
    band_of = np.searchsorted(edges[1:-1] * window.row_pitch, window.output_rows, side="right")
    centers, scales = [], []
    for band in range(bands):
        # every other line, every fourth row: neighbours are nearly equal
        some = np.ix_(np.arange(0, len(excess), 2), np.flatnonzero(band_of == band)[::4])
        values = excess[some][estimated[some]]
        if values.size:
            centers.append(0.5 * (edges[band] + edges[band + 1]) * window.row_pitch)
            inside = residual[:, edges[band] : edges[band + 1]]
            scales.append(float(np.median(values)) * structure(inside, window))
    result: FloatArray = np.interp(window.output_rows, centers, scales).astype(np.float32)
    return result


def total_variance(variance: FloatArray, strain: FloatArray, half_rows: int, lines: int) -> FloatArray:
    """Mean squared error of `strain` (lines, rows) whose noise has this `variance`; see 3 above.

    The window spans 2 * half_rows by `lines`. Beyond a border the map goes on as its last row or line.
    """
    quarter = max(1, half_rows // 2)
    beyond = half_rows + quarter  # the change of a second difference reaches further than it
    slope, bend = differences(np.pad(strain, ((0, 0), (beyond, beyond)), mode="edge"), half_rows, axis=1)
    step = bend[:, : -2 * quarter] - bend[:, 2 * quarter :]
    step *= slope[:, quarter:-quarter]
    np.maximum(step, 0.0, out=step)
    step *= np.float32(STEP)
    total = NOISE * variance
    total += step
    total += squared(bend[:, quarter:-quarter], BEND)
    slope, bend = differences(np.pad(strain, ((lines, lines), (0, 0)), mode="edge"), lines, axis=0)
    total += squared(slope, LATERAL_SLOPE)
    total += squared(bend, LATERAL_BEND)
    return total


def differences(values: FloatArray, reach: int, axis: int) -> tuple[FloatArray, FloatArray]:
    """First and second difference along `axis` between what lies `reach` to either side, borders left out."""
    middle = np.moveaxis(values, axis, -1)
    before, at, after = middle[..., : -2 * reach], middle[..., reach:-reach], middle[..., 2 * reach :]
    second = before + after
    second -= at
    second -= at
    return np.moveaxis(after - before, -1, axis), np.moveaxis(second, -1, axis)


def squared(values: FloatArray, share: float) -> FloatArray:
    """`share` of the squares of `values`, which are overwritten."""
    values *= values
    values *= np.float32(share)
    return values
