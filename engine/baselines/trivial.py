"""The smallest honest estimator: one straight line of displacement over depth for the whole frame.

It answers for tests and for measuring the node: a real estimate of the average strain in about 2 ms, and no
image at all. NumPy only.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from engine.errors import EngineUnavailable, EstimateFailed, InvalidAcquisition
from engine.estimator import StatelessEstimator
from engine.spec import Device, EngineSpec, FrameArray, Stopwatch, StrainResult, no_stopwatch

BLOCKS = 16  # along depth: enough for a line fit with a standard error
LINES = 8  # evenly spread; their correlations are added
GRID = (64, 16)  # rows, cols of the published map: uniform, so coarse


class TrivialEstimator(StatelessEstimator):
    """Average axial strain of the frame by block-wise cross-correlation and a weighted line fit."""

    name = "trivial"
    precision = "float32"
    model_hash = None

    def __init__(self, spec: EngineSpec, device: Device = "cpu") -> None:
        if device != "cpu":
            raise EngineUnavailable("the trivial engine runs on the cpu only")
        self.spec = spec
        n_axial, n_lateral = spec.shape
        self._length = n_axial // BLOCKS
        self._lines = np.linspace(0, n_lateral - 1, min(LINES, n_lateral)).round().astype(int)
        self._taper = np.hanning(self._length).astype(np.float32)[:, None]
        self._centres = (np.arange(BLOCKS) + 0.5) * self._length
        self._axial_index = np.linspace(0, n_axial - 1, GRID[0], dtype=np.float32)
        self._lateral_index = np.linspace(0, n_lateral - 1, min(GRID[1], n_lateral), dtype=np.float32)

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Fit u(z) = a + b z; every pixel has strain b and the fit's standard error.

        Raises InvalidAcquisition for another shape, EstimateFailed where fewer than three blocks correlate.
        """
        for frame in (pre, post):
            if frame.shape != self.spec.shape:
                raise InvalidAcquisition(f"frame of shape {frame.shape}; built for {self.spec.shape}")
        with stopwatch("prepare"):
            spectra = [self._spectra(frame) for frame in (pre, post)]
        with stopwatch("infer"):
            correlation = scipy.fft.irfft(spectra[0].conj() * spectra[1], axis=1).sum(axis=2)
            size = [np.sqrt(np.sum(np.abs(s[:, 1:-1]) ** 2, axis=(1, 2), dtype=np.float64)) for s in spectra]
            offset, slope, error, ncc = self._fit(correlation, size[0] * size[1])
        with stopwatch("post"):
            shape = (self._axial_index.size, self._lateral_index.size)
            line = (offset + slope * self._axial_index).astype(np.float32)
            return StrainResult(
                axial_displacement=np.broadcast_to(line[:, None], shape).copy(),
                lateral_displacement=np.zeros(shape, np.float32),
                axial_strain=np.full(shape, slope, np.float32),
                strain_std=np.full(shape, error, np.float32),
                ncc=np.full(shape, ncc, np.float32),
                axial_index=self._axial_index,
                lateral_index=self._lateral_index,
            )

    def _spectra(self, frame: FrameArray) -> NDArray[np.complex64]:
        used = frame[: BLOCKS * self._length, self._lines]
        lines = np.asarray(used.real, np.float32).reshape(BLOCKS, self._length, -1)
        # a converter's offset stands still whatever the tissue does, and would win every correlation
        lines = lines - lines.mean(axis=1, keepdims=True)
        return np.asarray(scipy.fft.rfft(lines * self._taper, axis=1))

    def _fit(
        self, correlation: NDArray[np.float32], size: NDArray[np.float64]
    ) -> tuple[float, float, float, float]:
        """Offset and slope in samples per sample, the slope's standard error, the median NCC.

        `size` is the product of both blocks' norms.
        """
        n = correlation.shape[1]
        peak = correlation.argmax(axis=1)
        rows = np.arange(len(peak))
        left, top, right = (correlation[rows, (peak + d) % n] for d in (-1, 0, 1))
        curvature = left - 2 * top + right
        usable = (top > 0) & (curvature < 0) & (size > 0)
        if np.count_nonzero(usable) < 3:
            raise EstimateFailed("fewer than three depth blocks correlate")
        fine = np.where(usable, 0.5 * (left - right) / np.where(usable, curvature, 1), 0.0)
        shift = (peak + n // 2) % n - n // 2 + fine
        # irfft divides by n and counts only half the spectrum: 2 / n makes the ratio a correlation
        ncc = np.clip(top * n / 2 / np.where(usable, size, 1), 0, 1)
        weight = np.where(usable, ncc, 0.0)
        line = np.polyfit(self._centres, shift, 1, w=weight)
        residual = shift - np.polyval(line, self._centres)
        spread = np.sum(weight**2 * (self._centres - self._centres.mean()) ** 2)
        variance = np.sum((weight * residual) ** 2) / max(np.count_nonzero(usable) - 2, 1)
        return (
            float(line[1]),
            float(line[0]),
            float(np.sqrt(variance / spread)),
            float(np.median(ncc[usable])),
        )
