"""How exact the lateral motion of phase tracking is. NumPy only.

Across the lines an echo has no carrier: its position is known from the magnitude of the correlation alone,
whose peak is as wide as the beam. With coherence g and the curvature k of the logarithm of the lateral
autocorrelation, per line squared, a shift measured on n independent samples has the variance
(1 - g^2) / (2 g^2 n k): the phase variance, with the beam's bandwidth in place of the carrier. n is the
number of beam widths across the tracker's `LATERAL_BLUR`, times `ALONG`. Where echoes match perfectly a
floor of some hundredths of a beam width remains, because lateral motion is smoothed over 20 cycles by 3 mm.

`ALONG` and `FLOOR` are fitted on simulated scenes of training's kind and judged on others
(docs/evaluation/lateral.md).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from engine.spec import EngineSpec, FloatArray, FrameArray
from engine.tracking.iq import OVERSAMPLING, ROWS_PER_CYCLE, IqTransform
from engine.tracking.normalisation import LATERAL_BLUR

ALONG: Final = 9.0
"""Independent samples in the 20 cycles of depth of `LATERAL_BLUR`."""
FLOOR: Final = 0.032  # of the beam width
DEPTH_CYCLES: Final = 16  # over which the autocorrelation is averaged
LEAST_CURVATURE: Final = 0.02  # per line squared: wider beams than 7 lines cannot be distinguished from noise
LEAST_CORRELATION: Final = 1e-3
MIN_COHERENCE: Final = 0.1
MAX_COHERENCE: Final = 0.9995


class LateralPrecision:
    """Of one acquisition. Holds constants only."""

    def __init__(self, spec: EngineSpec) -> None:
        self._transform = IqTransform(spec)
        self._lines = 1e-3 * LATERAL_BLUR[1] / spec.line_spacing

    def std(self, pre: FrameArray, coherence: FloatArray, axial_index: FloatArray) -> FloatArray:
        """(rows, cols) standard deviation of lateral displacement, lines; inf where echoes do not match.

        `pre` is the pair's first frame, in which the beam is measured: 20 ms for 2000 x 128 samples.
        `coherence` (rows, cols) is that of pre and warped post, `axial_index` (rows,) the sample of each row.
        Raises as `IqTransform.band`.
        """
        beam = 1.0 / np.sqrt(self._curvature(pre, axial_index)[:, None])
        count = ALONG * np.maximum(1.0, self._lines / (np.sqrt(np.pi) * beam))
        squared = np.square(np.clip(coherence, MIN_COHERENCE, MAX_COHERENCE))
        std = beam * np.sqrt((1.0 - squared) / (2.0 * squared * count) + FLOOR**2)
        return np.where(coherence >= MIN_COHERENCE, std, np.inf).astype(np.float32)

    def _curvature(self, frame: FrameArray, axial_index: FloatArray) -> NDArray[np.floating]:
        """(rows,) of the logarithm of the lateral autocorrelation, per line squared.

        Noise lowers the correlation with every other line alike, so it is that between the first line away
        and the second.
        """
        band = self._transform.band(frame)
        grid = self._transform.grid(self._transform.carrier(band))
        iq = self._transform.demodulate(band, grid).iq[:, ::OVERSAMPLING]
        near, far = (np.log(_autocorrelation(iq, lag)) for lag in (1, 2))
        curvature = np.maximum(2.0 / 3.0 * (near - far), LEAST_CURVATURE)
        return np.asarray(np.interp(axial_index, np.arange(len(curvature)) * grid.pitch, curvature))


def _autocorrelation(iq: NDArray[np.complexfloating], lag: int) -> NDArray[np.floating]:
    """(rows,) of lines so many apart, averaged over lines and `DEPTH_CYCLES`."""
    one, other = iq[:-lag], iq[lag:]
    product = (one * np.conj(other)).sum(axis=0)
    power = np.sqrt(np.square(np.abs(one)).sum(axis=0) * np.square(np.abs(other)).sum(axis=0))
    parts = product.real, product.imag, power
    real, imaginary, total = (
        uniform_filter1d(values, DEPTH_CYCLES * ROWS_PER_CYCLE, mode="nearest") for values in parts
    )
    found = np.hypot(real, imaginary) / np.maximum(total, np.finfo(np.float32).tiny)
    return np.clip(found, LEAST_CORRELATION, 1.0)
