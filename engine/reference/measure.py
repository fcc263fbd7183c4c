"""From the products that tracking leaves to strain, its standard deviation and local correlation. NumPy.

Every pixel of pre * conj(warped post) gives a displacement (its phase) and a weight (its real part): the
weighted least-squares line over the window maximises the correlation of the window. Summing products before
anything is divided keeps noise from wrapping.
"""

from dataclasses import dataclass

import numpy as np

from engine.reference.uncertainty import noise_scale, total_variance
from engine.spec import FloatArray
from engine.strain.least_squares import StrainWindow

MAX_COHERENCE = 0.9999995  # float32 sums are good to about 1e-7: nothing correlates better than that
OUTLIER = 6.0  # standard deviations: a cycle skip must not pass for correlated noise
MIN_SPREAD = 0.15  # of an evenly filled window: clipping at a border leaves half, cancelling weights less
TINY = 1e-20
MIN_COHERENCE = 0.2  # below, a window's weights nearly cancel and its slope means nothing
MIN_COVERAGE = 0.7  # of the window must hold samples, or there is no information
MIN_FITTED = 0.5  # of the window, or too few samples are left for a slope


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Products:
    """What tracking leaves, on the canonical grid; maps are (lines, rows) float32."""

    axial: FloatArray
    """Motion post was warped by, samples."""
    in_phase: FloatArray
    """Real part of pre * conj(warped post)."""
    quadrature: FloatArray
    """Its imaginary part."""
    energy: FloatArray
    """(2, lines, rows): squared magnitude of pre and of warped post."""
    valid: FloatArray
    """Share of each pixel that both frames hold, 0-1."""
    radians: FloatArray
    """(rows,): phase per sample of motion."""


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """Maps (lines, output rows) float32."""

    axial: FloatArray
    strain: FloatArray
    strain_std: FloatArray
    ncc: FloatArray


def measure(products: Products, window: StrainWindow) -> Measurement:
    """Fit a line to the motion in every window.

    `strain_std` (see `engine.reference.uncertainty`) is inf where less than 70 % of the window holds samples
    or where the frames do not correlate. Where less than half of it does, motion is what tracking carried
    over from the neighbourhood, and strain is 0.
    """
    weight = products.in_phase
    rows = window.output_rows / window.row_pitch
    nearest = np.clip(np.rint(rows), 0, weight.shape[1] - 1).astype(np.intp)
    tracked = products.axial.take(nearest, axis=1)
    weighted = weight * products.axial + products.quadrature / products.radians
    moments = window.moments(weight, weighted, lateral_tilt(tracked, max(1, round(window.lateral / 2))))
    slope, value, spread = moments.line()
    covered = window.total(products.valid)
    cells = np.maximum(covered, 1.0)
    energies = window.total(products.energy)
    energy = np.maximum(energies[0] * energies[1], TINY)
    coherence = moments.w / np.sqrt(energy)
    np.clip(coherence, -MAX_COHERENCE, MAX_COHERENCE, out=coherence)
    quarter_cycle = 0.5 * np.pi / float(products.radians.min())
    fitted = (covered >= MIN_FITTED * window.full) & (coherence > MIN_COHERENCE)
    fitted &= (spread > MIN_SPREAD * window.axial**2 / 12) & (np.abs(value - tracked) < quarter_cycle)
    estimated = fitted & (covered >= MIN_COVERAGE * window.full)
    strain, axial = slope.copy(), value.copy()
    np.copyto(strain, 0.0, where=~fitted)
    np.copyto(axial, tracked, where=~fitted)
    if not estimated.any():
        return Measurement(axial, strain, np.full_like(strain, np.inf), coherence)

    # what the line leaves of each pixel's quadrature, against the level its window's coherence predicts
    left = products.axial - window.on_input(value, slope)
    left *= products.radians
    left *= weight
    left += products.quadrature
    agreed = np.square(coherence)
    noise = 1.0 - agreed
    per_cell = 1.0 / cells
    level = np.maximum(0.5 * noise * energy * np.square(per_cell), TINY)
    excess = window.total(np.square(left)) * per_cell / level
    left *= products.valid
    left *= window.on_input(1.0 / np.sqrt(level))
    np.clip(left, -OUTLIER, OUTLIER, out=left)
    scale = noise_scale(left, excess, estimated, window)
    radians = np.interp(rows, np.arange(products.radians.size), products.radians).astype(np.float32)
    fit = agreed * cells * spread * np.square(radians)
    np.copyto(fit, 1.0, where=~estimated)
    step = window.output_rows[1] - window.output_rows[0]
    half_rows, lines = max(1, round(window.axial / 2 / step)), max(1, round(window.lateral))
    strain_std = np.sqrt(total_variance(0.5 * scale * noise / fit, strain, half_rows, lines))
    np.copyto(strain_std, np.inf, where=~estimated)
    return Measurement(axial, strain, strain_std, coherence)


def lateral_tilt(displacement: FloatArray, reach: int) -> FloatArray:
    """Change per line of a map (lines, rows), from lines `reach` to either side."""
    last = len(displacement) - 1
    left = [max(line - reach, 0) for line in range(last + 1)]
    right = [min(line + reach, last) for line in range(last + 1)]
    width = np.subtract(right, left).astype(np.float32)
    tilt: FloatArray = (displacement[right] - displacement[left]) / width[:, None]
    return tilt
