"""From the products that tracking leaves to strain, its standard deviation and local correlation. NumPy.

Every pixel of pre * conj(warped post) gives a displacement (its phase) and a weight (its real part): the
weighted least-squares line over the window maximises the correlation of the window. Summing products before
anything is divided keeps noise from wrapping.
"""

from dataclasses import dataclass

import numpy as np

from engine.spec import FloatArray
from engine.strain import StrainWindow

MIN_COVERAGE = 0.7  # of the window must hold samples, or there is no information
MIN_FITTED = 0.5  # of the window, or the slope of what is left says too little to be shown at all


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
    known: FloatArray
    """Share of each pixel that both frames hold, 0-1."""
    radians: FloatArray
    """(rows,): phase per sample of motion."""
    cell_rows: float
    """Rows per independent axial sample, from the bandwidth."""
    cell_lines: float
    """Lines per independent lateral sample, from the lateral correlation of speckle."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """Maps (lines, output rows) float32."""

    axial: FloatArray
    strain: FloatArray
    strain_std: FloatArray
    ncc: FloatArray


def measure(products: Products, window: StrainWindow) -> Measurement:
    """Fit a line to the motion in every window.

    `strain_std` is the Cramér-Rao bound of delay estimation carried through the line fit (Walker and Trahey,
    IEEE Trans. UFFC 42(2), 1995; Varghese and Ophir, IEEE Trans. UFFC 44(1), 1997): phase variance
    (1 / ncc^2 - 1) / 2 per independent sample, where the measured ncc holds noise and decorrelation together.
    It is inf where less than 70 % of the window holds samples or where the frames do not correlate. Where
    less than half of it does, motion is what tracking carried over from the neighbourhood, and strain is 0.
    """
    weight = products.in_phase
    moments = window.moments(weight, weight * products.axial + products.quadrature / products.radians)
    slope, value, spread = moments.line()
    energy = np.sqrt(window.total(products.energy[0]) * window.total(products.energy[1]))
    ncc = np.divide(moments.w, energy, out=np.zeros_like(energy), where=energy > 0)
    covered = window.total(products.known)
    informed = (covered >= MIN_COVERAGE * window.full) & (ncc > 0) & (spread > 0)
    independent = covered / (products.cell_rows * products.cell_lines)
    rows = window.output_rows / window.row_pitch
    radians = np.interp(rows, np.arange(len(products.radians)), products.radians)
    with np.errstate(divide="ignore", invalid="ignore"):
        phase_variance = np.maximum(1.0 / ncc**2 - 1.0, 1e-6) / (2.0 * independent)
        std = np.sqrt(phase_variance / spread) / radians.astype(np.float32)
    nearest = np.clip(np.rint(rows), 0, products.axial.shape[1] - 1).astype(np.intp)
    fitted = (covered >= MIN_FITTED * window.full) & (ncc > 0) & (spread > 0)
    return Measurement(
        axial=np.where(fitted, value, products.axial[:, nearest]).astype(np.float32),
        strain=np.where(fitted, slope, 0.0).astype(np.float32),
        strain_std=np.where(informed, std, np.inf).astype(np.float32),
        ncc=np.clip(ncc, -1.0, 1.0),
    )
