"""RF of a frame on the canonical grid: four samples per measured cycle, gain-normalised. NumPy only.

A network on raw RF learns one wavelength in samples and one gain. Canonical RF has the same of both for every
probe, and is free of dead rows and of bins that hold noise alone.
"""

import numpy as np

from engine.spec import FloatArray
from engine.tracking.iq import OVERSAMPLING, IqGrid
from engine.tracking.normalisation import NormalisedFrame


def canonical_rf(frame: NormalisedFrame, grid: IqGrid) -> FloatArray:
    """(rows, lines) float32: real part of the normalised IQ, mixed up again by the grid's carrier.

    Row k lies at sample k * rf_pitch(grid).
    """
    re, im = frame.inputs.planes
    phase = 2.0 * np.pi * grid.frequency * rf_pitch(grid) * np.arange(re.shape[1])
    rf = re * np.cos(phase).astype(np.float32) - im * np.sin(phase).astype(np.float32)
    return np.ascontiguousarray(rf.T)


def rf_pitch(grid: IqGrid) -> float:
    """Samples between two rows of canonical RF."""
    return grid.pitch / OVERSAMPLING
