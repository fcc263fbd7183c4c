"""Many pairs to one image: relative strain, fused over time and carried along with the tissue.

With e_i the strain map of pair i, m_i its median strain over the region of interest (signed), s_i its
standard deviation and w_i = exp(-age_i / tau), the relative strain n(x) = e(x) / mean is estimated by
weighted least squares of e_i = n m_i:

    n = A / C        A = sum(w e m / s^2)        C = sum(w m^2 / s^2)

So a release (m < 0 turns e around) adds to the press before it, a pair near the turning point weighs almost
nothing, and what no pair has measured has no value. Of the variance (s / m)^2 of e / m, a share p is one and
the same error in all pairs and adds up with its sign, the rest is new in each of them:

    var n = ((1 - p) sum(w^2 m^2 / s^2) + p sum(w |m| / s)^2) / C^2

A and C stay maps on the grid of the newest frame; the other sums, which differ from C by weights and means
alone as long as pairs are uncertain in the same places, are kept as ratios to it. `resolution` makes
an image of them, for engines with a window coarser where they hold less. NumPy and OpenCV's remap; no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidAcquisition
from engine.sequence.resolution import Maps, Resolution, finest
from engine.spec import ErrorModel, FloatArray, StrainResult

MAX_ROWS = 256  # of the fused map: what a screen shows, at a quarter of the cost
MAX_PAUSE = 8.0  # tau without a pair: then nothing of the old image is left, and it is dropped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FusedStrain:
    """Relative strain on the newest frame's grid, (rows, cols)."""

    relative_strain: FloatArray
    """1 = the region's average, below 1 harder; NaN where no pair has measured."""
    relative_std: FloatArray
    """Standard deviation of `relative_strain`, NaN where that is."""
    axial_index: FloatArray
    """(rows,), axial sample of each row."""
    lateral_index: FloatArray
    """(cols,), line of each column."""
    effective_pairs: float
    """How many equally weighted pairs the image is worth: (sum w)^2 / sum w^2."""


class Fusion:
    """Accumulates accepted pairs of one geometry, in order. One thread.

    `time_constant` is tau in seconds, above 0, and may be changed between pairs; `errors` is the error
    correlation model of the estimator.
    """

    def __init__(self, time_constant: float = 0.5, *, errors: ErrorModel) -> None:
        if not time_constant > 0:
            raise InvalidAcquisition(f"time_constant = {time_constant}: fusion needs a positive one (s)")
        self.time_constant = time_constant
        self._errors = errors
        self._frame_index = 0
        self.reset()

    def reset(self) -> None:
        """Forget every pair: the scene has changed."""
        self._sums: Maps | None = None
        self._image: Callable[[Maps, float], tuple[Maps, Maps]] | None = None
        self._total = _Total()

    def update(
        self,
        result: StrainResult,
        *,
        mean_strain: float,
        valid: NDArray[np.bool_],
        pre_index: int,
        post_index: int,
        elapsed: float,
    ) -> FusedStrain:
        """Take one accepted pair in and return the image on its post frame's grid.

        `mean_strain` is the region's signed median, `valid` (rows, cols) the pixels that count, the indices
        are frame numbers, `elapsed` the seconds since the last pair that was added (anything for the first).
        Between pairs that overlap (strides, key frames) motion counts as even in time.
        """
        rows = slice(None, None, -(-len(result.axial_index) // MAX_ROWS))
        row, col = result.axial_index[rows], result.lateral_index
        total = _sums_of(result, rows, valid[rows], mean_strain)
        information = float(total[1].sum())
        motion = _Motion(result, rows)
        older = self._faded(total.shape, elapsed)
        if older is not None and self._frame_index == pre_index:
            older += total  # both lie on the pre frame: one way for both
            total = motion.carried(older, 1.0)
        else:
            total = motion.carried(total, 1.0)
            if older is not None:
                span = max(post_index - pre_index, 1)
                total += motion.carried(older, min(max((post_index - self._frame_index) / span, 0.0), 1.0))
        self._total.update(information)
        self._sums, self._frame_index = total, post_index
        if self._image is None:
            pitch = float(row[1] - row[0]), float(col[1] - col[0])
            self._image = self._image_of(valid[rows].shape, pitch)
        relative, spread = self._image(total, self._total.scale(self._errors.shared))
        return FusedStrain(
            relative_strain=relative,
            relative_std=spread,
            axial_index=row,
            lateral_index=col,
            effective_pairs=self._total.weight**2 / self._total.weight_squared,
        )

    def _image_of(
        self, shape: tuple[int, ...], pitch: tuple[float, float]
    ) -> Callable[[Maps, float], tuple[Maps, Maps]]:
        """What turns sums on a grid of this shape and pitch (samples, lines) into an image."""
        window = self._errors.window
        if window is None:
            return finest
        return Resolution((shape[0], shape[1]), (window[0] / pitch[0], window[1] / pitch[1])).image

    def _faded(self, shape: tuple[int, ...], elapsed: float) -> Maps | None:
        """The sums of earlier pairs as they weigh now, ours to change; None where none count any more."""
        if self._sums is None or self._sums.shape != shape or elapsed > MAX_PAUSE * self.time_constant:
            self.reset()
            return None
        fade = float(np.exp(-max(elapsed, 0.0) / self.time_constant))
        self._total.fade(fade)
        self._sums *= np.float32(fade)
        return self._sums


@dataclass(slots=True)
class _Total:
    """Weights and information of the pairs over the whole map: I is the sum of a pair's m^2 / s^2."""

    weight: float = 0.0
    """sum(w)."""
    weight_squared: float = 0.0
    """sum(w^2)."""
    information: float = 0.0
    """sum(w I)."""
    information_squared: float = 0.0
    """sum(w^2 I)."""
    root: float = 0.0
    """sum(w sqrt(I))."""

    def update(self, information: float) -> None:
        """Include a new pair with this I."""
        self.weight += 1.0
        self.weight_squared += 1.0
        self.information += information
        self.information_squared += information
        self.root += information**0.5

    def fade(self, fade: float) -> None:
        """Let every pair weigh this much of what it did."""
        self.weight, self.weight_squared = fade * self.weight, fade**2 * self.weight_squared
        self.information *= fade
        self.information_squared *= fade**2
        self.root *= fade

    def scale(self, shared: float) -> float:
        """The variance of A / C times C, where that share of every pair's variance is the same error."""
        if not self.information > 0:
            return 1.0
        return ((1.0 - shared) * self.information_squared + shared * self.root**2) / self.information


def _sums_of(result: StrainResult, rows: slice, counts: NDArray[np.bool_], mean_strain: float) -> Maps:
    """What one pair adds to the two sums, (2, rows, cols); 0 where it does not count.

    Strain goes in as e / (1 + e / 2): from rest to compressed it is the exact opposite of what it is back
    again, where the strain e itself becomes -e / (1 + e). A median goes the way of the values.
    """
    mean = np.float32(_symmetric(mean_strain))
    std = np.where(counts, result.strain_std[rows], np.float32(np.inf))
    strain = np.where(counts, result.axial_strain[rows], np.float32(0))
    total: Maps = np.empty((2, *counts.shape), np.float32)
    np.divide(mean, std * std, out=total[0])
    np.multiply(total[0], mean, out=total[1])
    total[0] *= _symmetric(strain)
    return total


def _symmetric(strain: Any) -> Any:
    return strain / (1 + strain / 2)


class _Motion:
    """Carries maps from a pair's pre frame towards its post frame."""

    def __init__(self, result: StrainResult, rows: slice) -> None:
        row, col = result.axial_index[rows], result.lateral_index
        self._down = result.axial_displacement[rows] / np.float32(row[1] - row[0])
        self._across = result.lateral_displacement[rows] / np.float32(col[1] - col[0])
        self._row = np.arange(len(row), dtype=np.float32)[:, None]
        self._col = np.arange(len(col), dtype=np.float32)[None, :]

    def carried(self, maps: Maps, part: float) -> Maps:
        """(n, rows, cols) maps moved along `part` of the displacement; 0 where nothing comes from inside.

        What arrives at z came from z - u. Reading u at z and not where it came from is wrong by u du/dz:
        0.8 samples of 40 at 2 %, a fifth of a row.
        """
        if part == 0.0:
            return maps
        col, row = self._col - self._across * np.float32(part), self._row - self._down * np.float32(part)
        moved = np.empty_like(maps)
        for source, target in zip(maps, moved, strict=True):
            cv2.remap(
                source, col, row, cv2.INTER_LINEAR, target, borderMode=cv2.BORDER_CONSTANT, borderValue=0
            )
        return moved
