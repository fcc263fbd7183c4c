"""B-mode of one frame: envelope by band-limited demodulation, then logarithmic compression."""

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from engine.spec import EngineSpec

BAND = 0.7  # of the centre frequency, full width: pulses of research probes have 50-80 % bandwidth
REFERENCE_PERCENTILE = 99.5  # the brightest half percent is 0 dB, so that one specular echo does not dim all
MAX_ROWS = 512  # no screen shows more rows of a B-mode


def bmode(frame: NDArray[Any], spec: EngineSpec, dynamic_range: float = 60.0) -> NDArray[np.uint8]:
    """Log-compressed envelope, (rows, n_lateral) uint8: 0 at -dynamic_range dB and below, 255 at 0 dB.

    0 dB is the frame's own 99.5th percentile. Rows are the depth of the frame in equal steps, at most 512.
    The envelope is the magnitude of the band around the centre frequency shifted to zero: keeping fewer
    frequencies than there are samples decimates at the same time.
    """
    n_axial = frame.shape[0]
    lines = np.ascontiguousarray(frame.T)
    if spec.kind == "iq":
        spectrum = scipy.fft.fft(lines.astype(np.complex64, copy=False), axis=1)
        center = round(
            (spec.center_frequency - spec.demodulation_frequency) / spec.sampling_frequency * n_axial
        )
    else:
        spectrum = scipy.fft.rfft(lines.astype(np.float32, copy=False), axis=1)
        center = round(spec.center_frequency / spec.sampling_frequency * n_axial)
    rows = min(MAX_ROWS, n_axial)
    half = min(round(BAND / 2 * spec.center_frequency / spec.sampling_frequency * n_axial), rows // 2 - 1)
    band = np.zeros((lines.shape[0], rows), np.complex64)
    bins = np.arange(-half, half + 1)
    source = bins + center
    inside = (source >= 0) & (source < spectrum.shape[1]) if spec.kind == "rf" else np.ones(bins.size, bool)
    band[:, bins[inside] % rows] = spectrum[:, source[inside] % spectrum.shape[1]]
    envelope = np.abs(scipy.fft.ifft(band, axis=1)).T
    top = float(np.percentile(envelope[::2, ::2], REFERENCE_PERCENTILE))
    if top <= 0.0:
        return np.zeros(envelope.shape, np.uint8)
    floor = np.float32(10.0 ** (-dynamic_range / 20.0))
    decibels = 20.0 * np.log10(np.maximum(envelope / np.float32(top), floor))
    grey: NDArray[np.uint8] = np.clip(255.0 * (1.0 + decibels / dynamic_range), 0, 255).astype(np.uint8)
    return grey
