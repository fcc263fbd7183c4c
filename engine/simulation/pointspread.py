"""What the scanner makes of one point: a Gabor pulse along the beam times a Gaussian beam across it.

p(z, x) = g(z - x tan(tilt)) h(x),  g(z) = exp(-z^2 / (2 s_z^2)) cos(2 pi f z / (c / 2)),
h(x) = exp(-x^2 / (2 s_x^2)). The pulse's amplitude spectrum is Gaussian with its -6 dB width equal to
`fractional_bandwidth` times the centre frequency; `lateral_fwhm` is the two-way -6 dB beam width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import InvalidAcquisition

# Full width at half maximum of a Gaussian over its standard deviation.
FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))
# Standard deviations kept on each side of a Gaussian: exp(-4.8^2 / 2) is -100 dB.
REACH = 4.8


@dataclass(frozen=True, kw_only=True)
class PointSpread:
    """Constants of one point-spread function; peak value 1 at the point."""

    center_frequency: float
    """Hz, received."""
    fractional_bandwidth: float = 0.6
    """-6 dB two-way bandwidth over the centre frequency."""
    lateral_fwhm: float = 0.7e-3
    """m, two-way -6 dB beam width."""
    tilt: float = 0.0
    """rad, wave fronts against the probe face."""

    def __post_init__(self) -> None:
        if not 0.05 <= self.fractional_bandwidth <= 1.2:
            msg = f"fractional_bandwidth {self.fractional_bandwidth:g}: give -6 dB width / centre, 0.05-1.2"
            raise InvalidAcquisition(msg)
        if not (self.center_frequency > 0 and self.lateral_fwhm > 0):
            raise InvalidAcquisition("center_frequency (Hz) and lateral_fwhm (m) must be positive")

    @property
    def frequency_sigma(self) -> float:
        """Standard deviation of the amplitude spectrum, Hz."""
        return self.fractional_bandwidth * self.center_frequency / FWHM

    @property
    def duration_sigma(self) -> float:
        """Standard deviation of the pulse envelope, s."""
        return 1.0 / (2.0 * math.pi * self.frequency_sigma)

    @property
    def lateral_sigma(self) -> float:
        """Standard deviation of the beam, m."""
        return self.lateral_fwhm / FWHM

    @property
    def lateral_reach(self) -> float:
        """m on each side of a point beyond which the response is below -100 dB."""
        return REACH * self.lateral_sigma

    def axial_reach(self, sound_speed: float) -> float:
        """The same in echo time, s; a tilted wave front reaches further."""
        return REACH * self.duration_sigma + self.lateral_reach * 2.0 * abs(math.tan(self.tilt)) / sound_speed

    def response(self, delay: Tensor, lateral: Tensor, sound_speed: float) -> Tensor:
        """p at echo-time differences `delay` (s) and lateral distances `lateral` (m) from the point."""
        delay = delay - lateral * (2.0 * math.tan(self.tilt) / sound_speed)
        pulse = torch.exp(-0.5 * (delay / self.duration_sigma) ** 2)
        beam = torch.exp(-0.5 * (lateral / self.lateral_sigma) ** 2)
        return pulse * beam * torch.cos(2.0 * math.pi * self.center_frequency * delay)

    def transfer(self, frequency: Tensor, wavenumber: Tensor, sound_speed: float) -> Tensor:
        """Fourier transform of `response`, s m: frequency (Hz) along the last axis, cycles/m along the first.

        Shapes: frequency (n,), wavenumber (m,) -> (m, n), real because p is even.
        """
        spread = self.frequency_sigma
        pulse = torch.exp(-0.5 * ((frequency - self.center_frequency) / spread) ** 2)
        pulse = pulse + torch.exp(-0.5 * ((frequency + self.center_frequency) / spread) ** 2)
        pulse = pulse * (0.5 * math.sqrt(2.0 * math.pi) * self.duration_sigma)
        across = wavenumber[:, None] + frequency[None, :] * (2.0 * math.tan(self.tilt) / sound_speed)
        beam = torch.exp(-0.5 * (2.0 * math.pi * self.lateral_sigma * across) ** 2)
        return pulse[None, :] * beam * (math.sqrt(2.0 * math.pi) * self.lateral_sigma)

    def energy(self, sound_speed: float) -> float:
        """Integral of p^2 over depth and lateral, m^2: speckle power is this times scatterers per m^2.

        The cosine squared counts one half (its oscillating half is below 1e-6 at 60 % bandwidth).
        """
        depth_sigma = self.duration_sigma * sound_speed / 2.0
        return 0.5 * math.pi * depth_sigma * self.lateral_sigma
