"""Noise as least-squares strain has it: white in displacement, high-pass along the beam in strain."""

import numpy as np
from numpy.typing import NDArray

from engine.strain.least_squares import least_squares_strain


def strain_noise(
    rng: np.random.Generator, shape: tuple[int, int], *, rows: int = 13, lines: int = 3
) -> NDArray[np.float64]:
    """A map of standard deviation 1, seen through a strain window of `rows` by `lines`."""
    white = rng.normal(size=shape).astype(np.float32)
    noise = least_squares_strain(white, row_pitch=1.0, axial=rows, lateral=lines).astype(np.float64)
    scaled: NDArray[np.float64] = noise / noise.std()
    return scaled
