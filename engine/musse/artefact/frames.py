"""The sequence that parity is measured on: speckle that a hand presses and releases. NumPy only."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.spec import EngineSpec

STRAIN: Final = 0.006
PERIOD: Final = 21.3  # frames: no frame of a short sequence repeats another
BANDWIDTH: Final = 0.6  # of the carrier
BEAM_LINES: Final = 2.0
NOISE: Final = 0.02


def pressed_frames(spec: EngineSpec, carrier: float, count: int) -> Iterator[NDArray[np.int16]]:
    """`count` RF frames (n_axial, n_lateral) of tissue pressed by up to 0.6 %, harder in its middle third.

    `carrier` is in cycles per sample. The same frames at every call.
    """
    generator = np.random.default_rng(0)
    rows, lines = spec.shape
    spectrum = np.fft.rfft(generator.standard_normal((rows, lines)), axis=0)
    frequency = np.fft.rfftfreq(rows)[:, None]
    spectrum *= np.exp(-0.5 * ((frequency - carrier) / (BANDWIDTH * carrier / 2.355)) ** 2)
    across = np.exp(-0.5 * (np.fft.fftfreq(lines) * 2.0 * np.pi * BEAM_LINES / 2.355) ** 2)
    rf = np.fft.ifft(np.fft.fft(np.fft.irfft(spectrum, rows, axis=0), axis=1) * across, axis=1).real
    rf /= rf.std()
    depth = np.arange(rows, dtype=float)
    hard = (depth > rows / 3) & (depth < 2 * rows / 3)
    stretch = np.cumsum(np.where(hard, 0.4, 1.0))
    for index in range(count):
        at = depth + STRAIN * np.sin(2.0 * np.pi * index / PERIOD) * stretch
        moved = np.stack([np.interp(at, depth, line) for line in rf.T], axis=1)
        moved += NOISE * generator.standard_normal(moved.shape)
        yield np.rint(1000.0 * moved).astype(np.int16)
