"""Is there a carrier, and where? Measured on the samples, in cycles per sample along the beam."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_SEGMENT: Final = 256  # samples: 0.004 cycles/sample of resolution, many averages in one frame
_COLUMNS: Final = 512  # more lines add time, not precision
_SHORTEST: Final = 16  # samples: a shorter axis resolves no band
_LOWEST: Final = 0.02  # cycles/sample: below it lie drift and the envelope's own spectrum
# Power. Measured: envelopes, images and noise reach 1.2, RF has 2.5 at 0 dB SNR in band and 5 at 5 dB.
_MIN_CONTRAST: Final = 3.0
_BAND: Final = 0.01  # of the peak power: the centroid is taken over the band 20 dB down


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier found on the data."""

    frequency: float
    """Spectral centroid, cycles per sample; negative frequencies occur in IQ only."""
    contrast: float
    """Peak power over the mean power between zero and a quarter of the peak's frequency; inf for IQ."""


def axial_spectrum(blocks: Sequence[NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(frequencies, mean power) along axis 0 of blocks (n_axial, n_columns), Welch's method.

    Frequencies are in cycles per sample and rise, 0 to 0.5 for real data and -0.5 to 0.5 for complex ones.
    The mean of every segment is taken off, so a converter's offset is no carrier; segments with NaN or
    infinity are left out.
    """
    n_axial = blocks[0].shape[0]
    length = min(_SEGMENT, n_axial)
    window = np.hanning(length)[:, None]
    is_complex = np.iscomplexobj(blocks[0])
    frequencies = np.asarray(
        np.fft.fftshift(np.fft.fftfreq(length)) if is_complex else np.fft.rfftfreq(length), np.float64
    )
    power = np.zeros(frequencies.size)
    for block in blocks:
        columns = block[:, :: max(1, block.shape[1] // _COLUMNS)]
        for start in range(0, n_axial - length + 1, length // 2):
            segment = columns[start : start + length]
            segment = segment[:, np.isfinite(segment).all(axis=0)]
            segment = (segment - segment.mean(axis=0)) * window
            bins = (
                np.fft.fftshift(np.fft.fft(segment, axis=0), 0)
                if is_complex
                else np.fft.rfft(segment, axis=0)
            )
            power += (np.abs(bins) ** 2).sum(axis=1)
    return frequencies, np.asarray(power / max(1, sum(block.shape[1] for block in blocks)), np.float64)


def measure_carrier(blocks: Sequence[NDArray[Any]]) -> Carrier | None:
    """The carrier of real RF along axis 0 of blocks (n_axial, n_columns), or None where there is none.

    RF is a band: little power near zero. Envelopes and B-mode images have most of it there, noise and
    silence have as much there as anywhere.
    """
    if blocks[0].shape[0] < _SHORTEST:
        return None
    frequencies, power = axial_spectrum(blocks)
    smooth = _smoothed(power)
    smooth[frequencies < _LOWEST] = 0.0
    peak = int(np.argmax(smooth))
    if smooth[peak] <= 0.0:
        return None
    low = power[(frequencies > 0) & (frequencies <= max(frequencies[peak] / 4, frequencies[1]))]
    contrast = float(smooth[peak] / low.mean()) if low.mean() > 0 else float("inf")
    if contrast < _MIN_CONTRAST:
        return None
    return Carrier(_centroid(frequencies, power, smooth, peak), contrast)


def measure_baseband(blocks: Sequence[NDArray[Any]]) -> Carrier | None:
    """Where the spectrum of complex IQ lies, relative to the frequency it was mixed down by.

    None for silence.
    """
    frequencies, power = axial_spectrum(blocks)
    smooth = _smoothed(power)
    peak = int(np.argmax(smooth))
    if smooth[peak] <= 0.0:
        return None
    return Carrier(_centroid(frequencies, power, smooth, peak), float("inf"))


def _smoothed(power: NDArray[np.float64]) -> NDArray[np.float64]:
    # Over 0.02 cycles/sample: the peak of a noisy spectrum would otherwise be its luckiest bin.
    width = max(1, round(power.size * 2 * _LOWEST))
    return np.convolve(power, np.full(width, 1.0 / width), mode="same")


def _centroid(
    frequencies: NDArray[np.float64], power: NDArray[np.float64], smooth: NDArray[np.float64], peak: int
) -> float:
    # White noise would pull the centroid to the middle of the axis: take its floor off, stay in the band.
    floor = float(np.percentile(power, 10))
    inside = smooth - floor > _BAND * (smooth[peak] - floor)
    first = peak - int(np.argmin(inside[peak::-1])) + 1 if not inside[: peak + 1].all() else 0
    last = peak + int(np.argmin(inside[peak:])) if not inside[peak:].all() else inside.size
    weight = np.clip(power[first:last] - floor, 0.0, None)
    return float((frequencies[first:last] * weight).sum() / weight.sum())
