"""A plain 2-D block matcher: what a textbook does, and what every better estimator is compared with.

Normalised cross-correlation of RF blocks at every whole shift of a fixed search range, parabola across
lines, cosine along depth (Céspedes et al., Ultrasonic Imaging 17(2), 1995: it fits an oscillating
peak without bias), a 3 x 3 median against outliers, least-squares strain. NumPy and OpenCV.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineUnavailable, InvalidAcquisition
from engine.estimator import StatelessEstimator
from engine.spec import Device, EngineSpec, FloatArray, FrameArray, Stopwatch, StrainResult, no_stopwatch
from engine.strain.bound import BoundCase, strain_bound
from engine.strain.least_squares import least_squares_strain

BLOCK_CYCLES = 8.0  # length of a block: shorter ones skip cycles, longer ones blur
BLOCK_MM = 1.0  # its width
ROWS_PER_WINDOW = 26  # of the output grid in one strain window, as the reference has
SEARCH_STRAIN = 0.055  # of the depth, the largest axial shift searched for
SEARCH_SAMPLES = 8  # beyond it
SEARCH_LINES = 2
ASSUMED_BANDWIDTH = 0.6  # fractional: the matcher does not measure it
LOWEST_NCC = 0.2  # below it a match is not significant
EMPTY = 1e-3  # of the mean power, squared: a block with less holds no echoes
TINY = 1e-20


class BlockMatcher(StatelessEstimator):
    """Exhaustive block matching on RF; see `engine.estimator.Estimator`. IQ it does not take."""

    name = "ncc"
    precision = "float32"
    model_hash = None

    def __init__(self, spec: EngineSpec, device: Device = "cpu") -> None:
        if device != "cpu":
            raise EngineUnavailable("the block matcher runs on the cpu only")
        if spec.kind != "rf":
            raise InvalidAcquisition("the block matcher needs RF: it correlates the carrier itself")
        self.spec = spec
        n_axial, n_lateral = spec.shape
        self._cycles = spec.center_frequency / spec.sampling_frequency
        self._block = (
            2 * round(BLOCK_CYCLES / self._cycles / 2) + 1,
            2 * round(BLOCK_MM * 1e-3 / spec.line_spacing / 2) + 1,
        )
        self._axial_window = spec.axial_window / spec.sample_pitch
        self._lateral_window = max(1.0, spec.lateral_window / spec.line_spacing)
        self._step = max(1, round(self._axial_window / ROWS_PER_WINDOW))
        self._axial_index = np.arange(0, n_axial, self._step, dtype=np.float32)
        self._lateral_index = np.arange(n_lateral, dtype=np.float32)
        self._reach = min(math.ceil(SEARCH_STRAIN * n_axial) + SEARCH_SAMPLES, n_axial // 2)

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post: see `engine.estimator.Estimator.propose`.

        `strain_std` is the bound of `engine.strain.bound` at the block's NCC, and assumes that the match
        is right. Raises InvalidAcquisition for another shape.
        """
        for frame in (pre, post):
            if frame.shape != self.spec.shape or np.iscomplexobj(frame):
                raise InvalidAcquisition(
                    f"{frame.dtype} frame of shape {frame.shape}; built for RF of {self.spec.shape}"
                )
        with stopwatch("prepare"):
            a, b = (_scaled(frame) for frame in (pre, post))
        with stopwatch("infer"):
            axial, lateral, ncc = self._search(a, b)
            axial, lateral = (np.asarray(cv2.medianBlur(u, 3), np.float32) for u in (axial, lateral))
        with stopwatch("post"):
            strain = least_squares_strain(
                axial,
                row_pitch=float(self._step),
                axial=self._axial_window,
                lateral=self._lateral_window,
            )
            return StrainResult(
                axial_displacement=axial,
                lateral_displacement=lateral,
                axial_strain=strain,
                strain_std=self._std(ncc),
                ncc=ncc,
                axial_index=self._axial_index,
                lateral_index=self._lateral_index,
            )

    def _search(self, a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Displacement in samples and lines and the NCC of the best match, maps on the output grid."""
        power_a, power_b = self._blocks(a * a), self._full_blocks(b * b)
        lags = np.arange(-self._reach, self._reach + 1)
        curves, shifts = [], []
        for lines in range(-SEARCH_LINES, SEARCH_LINES + 1):
            curve = np.stack([self._curve(a, b, (power_a, power_b), int(lag), lines) for lag in lags])
            peak = curve[1:-1].argmax(axis=0) + 1
            value = np.take_along_axis(curve, peak[None], axis=0)[0]
            sides = [np.take_along_axis(curve, peak[None] + d, axis=0)[0] for d in (-1, 1)]
            offset, height = _cosine_peak(sides[0], value, sides[1])
            curves.append(height)
            shifts.append(lags[peak] + offset)
        stack = np.stack(curves)
        line = stack.argmax(axis=0)
        best, shift = (np.take_along_axis(np.stack(s), line[None], axis=0)[0] for s in (curves, shifts))
        middle = np.clip(line, 1, 2 * SEARCH_LINES - 1)
        left, top, right = (np.take_along_axis(stack, middle[None] + d, axis=0)[0] for d in (-1, 0, 1))
        bend = np.minimum(left - 2 * top + right, -1e-6)
        aside = np.where(line == middle, np.clip(0.5 * (left - right) / bend, -0.5, 0.5), 0.0)
        maps = (shift, line - SEARCH_LINES + aside, np.clip(best, -1.0, 1.0))
        axial, lateral, ncc = (np.ascontiguousarray(m, np.float32) for m in maps)
        return axial, lateral, ncc

    def _curve(
        self, a: FloatArray, b: FloatArray, powers: tuple[FloatArray, FloatArray], samples: int, lines: int
    ) -> FloatArray:
        """NCC at one whole shift; 0 where the block's middle would lie outside post, or holds no echoes."""
        power_a, power_b = powers
        power = power_a * _moved(power_b, samples, lines)[:: self._step]
        filled = power > EMPTY * float(power_a.mean()) * float(power_b.mean()) + TINY
        products = self._blocks(a * _moved(b, samples, lines))
        return np.asarray(np.where(filled, products / np.sqrt(np.where(filled, power, 1.0)), 0.0), np.float32)

    def _full_blocks(self, values: FloatArray) -> FloatArray:
        """Sums over blocks around every sample, normalised by their number."""
        height, width = self._block
        return np.asarray(cv2.blur(values, (width, height), borderType=cv2.BORDER_CONSTANT), np.float32)

    def _blocks(self, values: FloatArray) -> FloatArray:
        return self._full_blocks(values)[:: self._step]

    def _std(self, ncc: FloatArray) -> FloatArray:
        """The bound's standard deviation at each NCC, inf where nothing matched."""
        table = np.linspace(LOWEST_NCC, 0.99999, 256)
        values = [
            strain_bound(
                BoundCase(
                    center_frequency=self.spec.center_frequency,
                    fractional_bandwidth=ASSUMED_BANDWIDTH,
                    axial_window=self.spec.axial_window,
                    lateral_window=self.spec.lateral_window,
                    line_pitch=self.spec.line_spacing,
                    sound_speed=self.spec.sound_speed,
                    correlation=float(rho),
                )
            )
            for rho in table
        ]
        std = np.interp(ncc, table, values)
        return np.asarray(np.where(ncc < LOWEST_NCC, np.inf, std), np.float32)


def _scaled(frame: FrameArray) -> FloatArray:
    """The frame about its mean, as float32 of peak 1: squares neither overflow nor vanish, and a converter's
    offset matches nowhere."""
    values = np.ascontiguousarray(frame.real, np.float32)
    values = values - np.float32(values.mean(dtype=np.float64))
    return values / np.float32(max(float(np.abs(values).max()), 1e-30))


def _moved(values: NDArray[np.float32], samples: int, lines: int) -> NDArray[np.float32]:
    """values(z + samples, x + lines) at (z, x), 0 where that lies outside."""
    result = np.zeros_like(values)
    n, m = values.shape
    here = (slice(max(0, -samples), n - max(0, samples)), slice(max(0, -lines), m - max(0, lines)))
    there = (slice(max(0, samples), n + min(0, samples)), slice(max(0, lines), m + min(0, lines)))
    result[here] = values[there]
    return result


def _cosine_peak(left: FloatArray, top: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Peak of a cosine through three values: place, -0.5..0.5 of a step from the middle, and height."""
    ratio = np.clip((left + right) / np.maximum(2.0 * top, TINY), -0.999, 0.99999)
    omega = np.arccos(ratio)
    phase = np.clip(np.arctan2(right - left, 2.0 * top * np.sin(omega)), -0.5 * omega, 0.5 * omega)
    height = top / np.maximum(np.cos(phase), 0.5)
    return np.asarray(phase / omega, np.float32), np.asarray(height, np.float32)
