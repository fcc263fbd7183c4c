"""Many pairs to one picture: relative strain, fused over time and carried along with the tissue.

With e_i the strain map of pair i, m_i its median strain over the region of interest (signed), s_i its
standard deviation and w_i = exp(-age_i / tau), the relative strain n(x) = e(x) / mean is estimated by
weighted least squares of e_i = n m_i:

    n = sum(w e m / s^2) / sum(w m^2 / s^2)        var n = sum(w^2 m^2 / s^2) / sum(w m^2 / s^2)^2

So a release (m < 0 turns e around) adds to the press before it, a pair near the turning point weighs almost
nothing, and what no pair has measured has no value. The two lower sums stay maps on the grid of the newest
frame; the third, which differs from the second by the pairs' ages alone, is kept as a ratio to it.
`engine.resolution` makes a picture of them, coarser where they hold less. NumPy and OpenCV's remap; no torch.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidAcquisition
from engine.resolution import Maps, Resolution
from engine.spec import FloatArray, StrainResult

MOST_ROWS = 256  # of the fused map: what a screen shows, at a quarter of the cost
LONGEST_PAUSE = 8.0  # tau without a pair: then nothing of the old picture is left, and it is dropped


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
    """How many equally weighted pairs the picture is worth: (sum w)^2 / sum w^2."""


class Fusion:
    """Accumulates accepted pairs of one geometry, in order. One thread.

    `time_constant` is tau in seconds, above 0; `window` the strain window in samples and lines, from which
    follows how far neighbouring pixels share their noise.
    """

    def __init__(self, time_constant: float = 0.5, *, window: tuple[float, float]) -> None:
        if not time_constant > 0:
            raise InvalidAcquisition(f"time_constant = {time_constant}: fusion needs a positive one (s)")
        self._tau = time_constant
        self._window = window
        self._sums: Maps | None = None
        self._resolution: Resolution | None = None
        self._weight = self._weight_squared = self._information = self._information_squared = 0.0
        self._frame_index = 0

    def reset(self) -> None:
        """Forget every pair: the scene has changed."""
        self._sums = self._resolution = None
        self._weight = self._weight_squared = self._information = self._information_squared = 0.0

    def add(
        self,
        result: StrainResult,
        *,
        mean_strain: float,
        valid: NDArray[np.bool_],
        pre_index: int,
        post_index: int,
        elapsed: float,
    ) -> FusedStrain:
        """Take one accepted pair in and return the picture on its post frame's grid.

        `mean_strain` is the region's signed median, `valid` (rows, cols) the pixels that count, the indices
        are frame numbers, `elapsed` the seconds since the last pair that was added (anything for the first).
        Between pairs that overlap (strides, key frames) motion counts as even in time.
        """
        rows = slice(None, None, -(-len(result.axial_index) // MOST_ROWS))
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
        self._weight += 1.0
        self._weight_squared += 1.0
        self._information += information
        self._information_squared += information
        self._sums, self._frame_index = total, post_index
        if self._resolution is None:
            pitch = float(row[1] - row[0]), float(col[1] - col[0])
            self._resolution = Resolution(
                valid[rows].shape, (self._window[0] / pitch[0], self._window[1] / pitch[1])
            )
        age = self._information_squared / self._information if self._information > 0 else 1.0
        relative, spread = self._resolution.picture(total, age)
        return FusedStrain(
            relative_strain=relative,
            relative_std=spread,
            axial_index=row,
            lateral_index=col,
            effective_pairs=self._weight**2 / self._weight_squared,
        )

    def _faded(self, shape: tuple[int, ...], elapsed: float) -> Maps | None:
        """The sums of earlier pairs as they weigh now, ours to change; None where none count any more."""
        if self._sums is None or self._sums.shape != shape or elapsed > LONGEST_PAUSE * self._tau:
            self.reset()
            return None
        fade = float(np.exp(-max(elapsed, 0.0) / self._tau))
        self._weight, self._weight_squared = fade * self._weight, fade**2 * self._weight_squared
        self._information, self._information_squared = (
            fade * self._information,
            fade**2 * self._information_squared,
        )
        self._sums *= np.float32(fade)
        return self._sums


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
