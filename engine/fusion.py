"""Many pairs to one picture: relative strain, fused over time and carried along with the tissue.

With e_i the strain map of pair i, m_i its median strain over the region of interest (signed), s_i its
standard deviation and w_i = exp(-age_i / tau), the relative strain n(x) = e(x) / mean is estimated by
weighted least squares of e_i = n m_i:

    n = sum(w e m / s^2) / sum(w m^2 / s^2)        var n = sum(w^2 m^2 / s^2) / sum(w m^2 / s^2)^2

So a release (m < 0 turns e around) adds to the press before it, a pair near the turning point weighs almost
nothing, and what no pair has measured has no value. The three sums stay on the grid of the newest frame.
NumPy and OpenCV's remap; no torch.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidAcquisition
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

    `time_constant` is tau in seconds, above 0.
    """

    def __init__(self, time_constant: float = 0.5) -> None:
        if not time_constant > 0:
            raise InvalidAcquisition(f"time_constant = {time_constant}: fusion needs a positive one (s)")
        self._tau = time_constant
        self._sums: NDArray[np.float32] | None = None
        self._weight = self._weight_squared = 0.0
        self._frame_index = 0

    def reset(self) -> None:
        """Forget every pair: the scene has changed."""
        self._sums = None
        self._weight = self._weight_squared = 0.0

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
        std, counts = result.strain_std[rows], valid[rows]
        total: NDArray[np.float32] = np.zeros((*counts.shape, 3), np.float32)
        information = np.divide(np.float32(mean_strain), std * std, out=total[..., 1], where=counts)
        total[..., 0] = np.where(counts, result.axial_strain[rows], 0) * information
        total[..., 1] *= np.float32(mean_strain)
        total[..., 2] = total[..., 1]
        motion = _Motion(result, rows)
        older = self._faded(total.shape, elapsed)
        if older is not None and self._frame_index == pre_index:
            total = motion.carried(total + older, 1.0)  # both lie on the pre frame: one way for both
        else:
            total = motion.carried(total, 1.0)
            if older is not None:
                span = max(post_index - pre_index, 1)
                total += motion.carried(older, min(max((post_index - self._frame_index) / span, 0.0), 1.0))
        self._weight += 1.0
        self._weight_squared += 1.0
        self._sums, self._frame_index = total, post_index
        with np.errstate(divide="ignore", invalid="ignore"):
            known = total[..., 1] > 0
            relative = np.where(known, total[..., 0] / total[..., 1], np.float32(np.nan))
            spread = np.where(known, np.sqrt(total[..., 2]) / total[..., 1], np.float32(np.nan))
        return FusedStrain(
            relative_strain=relative,
            relative_std=spread,
            axial_index=result.axial_index[rows],
            lateral_index=result.lateral_index,
            effective_pairs=self._weight**2 / self._weight_squared,
        )

    def _faded(self, shape: tuple[int, ...], elapsed: float) -> NDArray[np.float32] | None:
        """The sums of earlier pairs as they weigh now; None where none count any more."""
        if self._sums is None or self._sums.shape != shape or elapsed > LONGEST_PAUSE * self._tau:
            self._weight = self._weight_squared = 0.0
            return None
        fade = float(np.exp(-max(elapsed, 0.0) / self._tau))
        self._weight, self._weight_squared = fade * self._weight, fade**2 * self._weight_squared
        return self._sums * np.array([fade, fade, fade**2], np.float32)


class _Motion:
    """Carries maps from a pair's pre frame towards its post frame."""

    def __init__(self, result: StrainResult, rows: slice) -> None:
        row, col = result.axial_index[rows], result.lateral_index
        self._down = result.axial_displacement[rows] / np.float32(row[1] - row[0])
        self._across = result.lateral_displacement[rows] / np.float32(col[1] - col[0])
        self._row = np.arange(len(row), dtype=np.float32)[:, None]
        self._col = np.arange(len(col), dtype=np.float32)[None, :]

    def carried(self, maps: NDArray[np.float32], part: float) -> NDArray[np.float32]:
        """(rows, cols, n) maps moved along `part` of the displacement; 0 where nothing comes from inside.

        What arrives at z came from z - u. Reading u at z and not where it came from is wrong by u du/dz:
        0.8 samples of 40 at 2 %, a fifth of a row.
        """
        if part == 0.0:
            return maps
        moved = cv2.remap(
            maps,
            self._col - self._across * np.float32(part),
            self._row - self._down * np.float32(part),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        )
        return np.asarray(moved, np.float32)
