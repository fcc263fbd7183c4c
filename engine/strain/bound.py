"""Lower bound of the variance of window-based strain: the closed form that measurements are compared with.

Displacement of a window of two-way length T has variance S / T with
S = 3 / (2 pi^2 f^3 (B^3 + 12 B)) * ((1 + 1 / SNR^2)^2 / rho^2 - 1) (Walker and Trahey, IEEE Trans. UFFC
42(2), 1995), and the slope of a line fitted over T has variance 12 S / T^3 (Varghese and Ophir, IEEE Trans.
UFFC 44(1), 1997). B is the fractional bandwidth of a rectangular band of centre f, so a few percent lie
between it and a Gaussian pulse. NumPy only.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidAcquisition


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCase:
    """What the bound depends on; SI units."""

    center_frequency: float
    """Hz, received."""
    fractional_bandwidth: float
    """-6 dB width over the centre."""
    axial_window: float
    """m, least-squares window."""
    lateral_window: float
    """m"""
    line_pitch: float
    """m"""
    sound_speed: float = 1540.0
    in_band_snr_db: float = math.inf
    """Amplitude ratio inside the band, of each frame."""
    correlation: float = 1.0
    """rho of the echoes after the motion is compensated, noise aside, 0-1."""

    def __post_init__(self) -> None:
        if not 0 < self.correlation <= 1:
            raise InvalidAcquisition(
                f"correlation {self.correlation:g}: the bound needs one above 0, up to 1"
            )


def strain_bound(case: BoundCase) -> float:
    """Standard deviation of strain, dimensionless: no unbiased estimator with this window does better.

    Lines count as independent (L = line_pitch / lateral_window), which is the strictest reading: where
    neighbouring lines share noise, as after out-of-plane motion, the bound itself is out of reach.
    """
    inverse_snr2: float = 10.0 ** (-case.in_band_snr_db / 10.0)
    lost = (1.0 + inverse_snr2) ** 2 / case.correlation**2 - 1.0
    return math.sqrt(lost * _variance_per_loss(case))


def strain_std_at(ncc: NDArray[np.floating[Any]], case: BoundCase) -> NDArray[np.float64]:
    """The bound's standard deviation of strain at each measured correlation, above 0 and below 1.

    Windows and band are those of `case`; its noise and correlation do not count. Inverse of `explained_ncc`.
    """
    lost = 1.0 / np.square(np.asarray(ncc, np.float64)) - 1.0
    return np.asarray(np.sqrt(lost * _variance_per_loss(case)), np.float64)


def explained_ncc(std: NDArray[np.floating[Any]], case: BoundCase) -> NDArray[np.float64]:
    """The correlation at which the bound has this standard deviation of strain, 0-1; 0 where it is infinite.

    Windows and band are those of `case`; its noise and correlation do not count. Frames that match better
    than this after warping were matched to their noise, or the std is too wide; worse, and it is too narrow.
    """
    lost = np.square(np.asarray(std, np.float64)) / _variance_per_loss(case)
    return np.asarray(1.0 / np.sqrt(1.0 + lost), np.float64)


def _variance_per_loss(case: BoundCase) -> float:
    """Variance of strain over (1 / ncc^2 - 1)."""
    f, b = case.center_frequency, case.fractional_bandwidth
    density = 3.0 / (2.0 * math.pi**2 * f**3 * (b**3 + 12.0 * b))
    duration = 2.0 * case.axial_window / case.sound_speed
    lateral = min(1.0, case.line_pitch / case.lateral_window)
    return 12.0 * density / duration**3 * lateral


def stretch_correlation(strain: float, fractional_bandwidth: float) -> float:
    """rho that is left after a perfect warp, because the pulse does not stretch with the tissue, 0-1.

    Warping back moves the received band by strain * f against itself: two Gaussian amplitude spectra of
    standard deviation s at distance d correlate as exp(-d^2 / (4 s^2)).
    """
    sigma = fractional_bandwidth / (2.0 * math.sqrt(2.0 * math.log(2.0)))
    return math.exp(-((strain / (2.0 * sigma)) ** 2))
