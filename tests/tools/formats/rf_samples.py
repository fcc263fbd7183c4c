"""Frames that are RF by construction, and what is left of them after envelope detection."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import hilbert

MetaWriter = Callable[..., Path]


def band_noise(
    shape: tuple[int, ...], carrier: float = 0.12, *, axis: int = -2, bandwidth: float = 0.6, seed: int = 0
) -> NDArray[np.float64]:
    """Speckle-like RF, std 1: white noise in a Gaussian band around `carrier` cycles/sample along `axis`."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    frequencies = np.fft.rfftfreq(shape[axis])
    sigma = carrier * bandwidth / 2.355  # full width at half maximum, in amplitude
    band = np.exp(-0.5 * ((frequencies - carrier) / sigma) ** 2)
    spread = [1] * len(shape)
    spread[axis] = -1
    signal = np.fft.irfft(np.fft.rfft(noise, axis=axis) * band.reshape(spread), shape[axis], axis)
    scaled: NDArray[np.float64] = signal / signal.std()
    return scaled


def envelope(signal: NDArray[np.float64], axis: int = -2) -> NDArray[np.float64]:
    return np.abs(hilbert(signal, axis=axis))
