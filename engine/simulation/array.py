"""Plane waves, elements and delays: an image made as a research scanner makes it, for checking the fast one.

For each steered plane wave every element receives every scatterer after its own delay
(z cos a + x sin a) / c + |r - element| / c, with soft-baffle directivity cos t sinc(w sin t / lambda). Delay
and sum along the same paths, dynamic aperture with a Hann window, waves compounded coherently. Beam width,
tilt and their change with depth come out by themselves instead of being put in. Single scattering, no
attenuation.
"""

import math
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from engine.simulation.pointspread import PointSpread
from engine.spec import EngineSpec

# Fine enough for linear interpolation between channel samples to err below -40 dB at the band's upper edge.
_CHANNEL_SAMPLES_PER_WAVELENGTH = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reception:
    """What the channels of all waves have in common."""

    elements: Tensor
    """(elements,), m, lateral positions."""
    rate: float
    """Hz, sampling frequency of the channels."""
    length: int
    """Samples from transmit on."""


@dataclass(frozen=True, kw_only=True)
class PlaneWaveArray:
    """A linear array; image lines lie at `spec.line_pitch` around its middle."""

    spec: EngineSpec
    n_elements: int = 64
    element_pitch: float = 0.3e-3
    """m; an element is as wide."""
    angles: tuple[float, ...] = (-0.12, -0.06, 0.0, 0.06, 0.12)
    """rad, of the plane waves."""
    fractional_bandwidth: float = 0.6
    f_number: float = 1.5
    """Depth over receive aperture."""

    @property
    def pulse(self) -> PointSpread:
        """The two-way pulse; its beam is not used here."""
        return PointSpread(
            center_frequency=self.spec.center_frequency, fractional_bandwidth=self.fractional_bandwidth
        )


def render_array(array: PlaneWaveArray, z: Tensor, x: Tensor, amplitude: Tensor) -> Tensor:
    """RF (n_axial, n_lateral) float32 of scatterers (n,) at (z, x) float64 metres.

    Slow: one wave of 64 elements over 10 000 scatterers takes some 0.1 s, and its beamforming 0.5 s at
    1000 x 64 pixels on two cores. Level is arbitrary.
    """
    spec = array.spec
    rate = _CHANNEL_SAMPLES_PER_WAVELENGTH * spec.center_frequency
    elements = (torch.arange(array.n_elements) - (array.n_elements - 1) / 2.0).double() * array.element_pitch
    depths, lines = _pixels(spec)
    # the longest way: to the bottom corner under the steepest wave and back to the far element
    span = float(elements[-1].abs() + lines[-1].abs())
    deepest = float(depths[-1])
    longest = (
        deepest + span * math.sin(max(abs(a) for a in array.angles)) + math.hypot(deepest, span)
    ) * 1.05
    length = next_fast_len(math.ceil(longest / spec.sound_speed * rate) + 64, real=True)
    reception = _Reception(elements=elements, rate=rate, length=length)
    image = torch.zeros(spec.shape, dtype=torch.float64)
    for angle in array.angles:
        channels = _channels(array, reception, angle, (z, x, amplitude))
        image += _beamform(array, reception, angle, channels)
    return image.float()


def _pixels(spec: EngineSpec) -> tuple[Tensor, Tensor]:
    """(depths, laterals) in metres of the image's rows and lines."""
    lines = torch.arange(spec.shape[1]).double() - (spec.shape[1] - 1) / 2.0
    return torch.arange(spec.shape[0]).double() * spec.sample_pitch, lines * spec.line_pitch


def _channels(
    array: PlaneWaveArray,
    reception: _Reception,
    angle: float,
    scatterers: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """What each element receives of one wave: (elements, length) float64 from transmit on."""
    elements, rate, length = reception.elements, reception.rate, reception.length
    z, x, amplitude = scatterers
    wavelength = array.spec.sound_speed / array.spec.center_frequency
    # Two taps of linear interpolation are sinc(f)^2 in the spectrum; it is divided out below.
    frequency = torch.fft.rfftfreq(length, dtype=torch.float64)
    pulse: Tensor = array.pulse.transfer(frequency * rate, torch.zeros(1).double(), array.spec.sound_speed)[0]
    pulse = pulse * rate / torch.sinc(frequency).square()
    received = torch.zeros(len(elements), length, dtype=torch.float64)
    for channel, element in zip(received, elements, strict=True):
        way = torch.hypot(z, x - element)
        sine = (x - element) / way
        directivity = (z / way) * torch.sinc(array.element_pitch * sine / wavelength)
        at = (z * math.cos(angle) + x * math.sin(angle) + way) / array.spec.sound_speed * rate
        at = at.clamp(0.0, length - 2.0)
        first = at.floor()
        strength = amplitude * directivity
        channel.index_add_(0, first.long(), strength * (1.0 - (at - first)))
        channel.index_add_(0, first.long() + 1, strength * (at - first))
    channels: Tensor = torch.fft.irfft(torch.fft.rfft(received) * pulse, n=length)
    return channels


def _beamform(array: PlaneWaveArray, reception: _Reception, angle: float, channels: Tensor) -> Tensor:
    """Delay and sum of one wave: (n_axial, n_lateral) float64."""
    depths, lines = _pixels(array.spec)
    z, x = depths[:, None], lines[None, :]
    sent = z * math.cos(angle) + x * math.sin(angle)
    total = torch.zeros(len(depths), len(lines), dtype=torch.float64)
    weights = torch.zeros_like(total)
    half = (z / (2.0 * array.f_number)).clamp(min=2.0 * array.element_pitch)
    for channel, element in zip(channels, reception.elements, strict=True):
        at = (sent + torch.hypot(z, x - element)) / array.spec.sound_speed * reception.rate
        at = at.clamp(0.0, channels.shape[1] - 2.0)
        first = at.floor()
        low, high = channel[first.long()], channel[first.long() + 1]
        apart = ((x - element) / half).clamp(-1.0, 1.0)
        window = 0.5 + 0.5 * torch.cos(math.pi * apart)
        total += window * (low + (at - first) * (high - low))
        weights += window
    return total / weights.clamp(min=1e-6)
