"""As fine an image as its information allows: four resolutions of one weighted average, mixed by pixel.

A map A / C of sums A = sum(w e m / s^2) and C = sum(w m^2 / s^2) becomes a coarser one where A and C are
added up over a neighbourhood before they are divided. The noise of least-squares strain is high-pass (what
one window has too much, its neighbour along the beam has too little), so this pays far more than the root of
the area. From the coarsest level on, each finer one adds its detail D as far as D is more than noise:

    map_k = map_(k+1) + g D,    g = S^2 / (S^2 + noise of D),    variance_k = variance_(k+1) + g noise of D

with S the detail that tissue usually shows at that level: the estimate of least expected error, whose
variance counts both the noise let in and the detail left out. g depends on the information alone, never on
the values, so noise cannot raise itself into a lesion. NumPy and OpenCV.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Level:
    """Noise and detail at one resolution."""

    box: float
    """Length of the averaging box in strain windows; it is passed over the sums twice."""
    noise: float
    """Variance of the map, where 1 is that of a neighbourhood in which every pixel has the same error."""
    detail: float
    """Usual difference from the next coarser level, relative strain; the coarsest has none."""


# Fitted on simulated hand-held sequences of six phantoms under two hands, all outside the evaluation.
# Noise is half as much again as its average there: neighbouring pairs share the probe's drift, and while one
# press lasts their errors add up instead of averaging out. A third less or more detail moves errors by 3 %.
LEVELS = (
    Level(box=0.0, noise=2.2, detail=0.03),
    Level(box=0.5, noise=0.8, detail=0.06),
    Level(box=1.0, noise=0.3, detail=0.12),
    Level(box=2.0, noise=0.1, detail=0.0),
)
WIDER = 1.5  # boxes across: speckle is 0.7 mm wide, so that neighbouring lines share noise beyond the window
MIN_STEPS = 3.0  # pixels of a box: a coarser map is computed on a coarser grid, down to this
# Variance of what the strain window itself leaves out, over the local mean square of what the map shows
# beyond its own average over a window. Without it errors at edges of hard inclusions are twice those
# predicted. Fitted; inside a lesion, a window from its edge, nothing is left out.
EDGE_BIAS = np.float32(4.0)
SMALLEST = np.float32(1e-30)  # sums below it hold nothing


def finest(sums: Maps, scale: float) -> tuple[Maps, Maps]:
    """(A / C, its standard deviation) as the pairs resolve it; see `Resolution.image`."""
    value, variance = _divided(list(sums), scale)
    nothing = _unmeasured(sums)
    return value + nothing, np.sqrt(variance) + nothing


class Resolution:
    """Turns sums into an image, on grids of one shape. `window` is the strain window in rows and columns."""

    def __init__(self, shape: tuple[int, int], window: tuple[float, float]) -> None:
        boxes = [(level.box * window[0], level.box * WIDER * window[1]) for level in LEVELS[1:]]
        steps = [(1, 1), *((_coarsening(down), _coarsening(across)) for down, across in boxes)]
        self._kernels = [
            (_odd(across / step[1]), _odd(down / step[0]))
            for (down, across), step in zip(boxes, steps[1:], strict=True)
        ]
        padded = tuple(-(-n // last) * last for n, last in zip(shape, steps[-1], strict=True))
        self._beyond = padded[0] - shape[0], padded[1] - shape[1]
        self._sizes = [(padded[1] // across, padded[0] // down) for down, across in steps]
        self._window = _odd(window[1] / steps[1][1]), _odd(window[0] / steps[1][0])
        self._half = _odd(self._window[0] / 2), _odd(self._window[1] / 2)
        self._shape = shape

    def image(self, sums: Maps, scale: float) -> tuple[Maps, Maps]:
        """(relative strain, its standard deviation) of the sums A and C, (2, rows, cols).

        A / C has the variance `scale` / C at every pixel, with `scale` from `engine.sequence.fusion`.

        NaN where C is 0: a pixel without a measurement is not filled from its neighbours.
        """
        levels = self._levels(sums, scale)
        value, variance = levels[-1]
        variance = variance * np.float32(LEVELS[-1].noise)
        for k in range(len(LEVELS) - 2, -1, -1):
            if k == 0:  # the finest level adds little to edges, and is the largest to work on
                variance = variance + self._edge_bias(value)
            value, variance = (_enlarged(values, self._sizes[k]) for values in (value, variance))
            fine, noise = levels[k]
            noise *= np.float32(LEVELS[k].noise - LEVELS[k + 1].noise)
            share = _share(noise, LEVELS[k].detail)
            fine -= value
            fine *= share
            fine += value
            share *= noise
            share += variance
            value, variance = fine, share
        rows, cols = self._shape
        value, variance = value[:rows, :cols], variance[:rows, :cols]
        nothing = _unmeasured(sums)
        return value + nothing, np.sqrt(variance) + nothing

    def _edge_bias(self, value: Maps) -> Maps:
        contrast = value - cv2.blur(value, self._window, borderType=cv2.BORDER_REPLICATE)
        contrast *= contrast
        contrast *= EDGE_BIAS
        return np.asarray(cv2.blur(contrast, self._half, borderType=cv2.BORDER_REPLICATE), np.float32)

    def _levels(self, sums: Maps, scale: float) -> list[tuple[Maps, Maps]]:
        """Value and variance of every level, the finest first, each on its own grid; noise is still 1."""
        down, across = self._beyond
        parts = [cv2.copyMakeBorder(part, 0, down, 0, across, cv2.BORDER_CONSTANT) for part in sums]
        levels = [_divided(parts, scale)]
        for kernel, size in zip(self._kernels, self._sizes[1:], strict=True):
            if parts[0].shape[::-1] != size:
                parts = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in parts]
            smooth = [_twice(part, kernel) for part in parts]
            levels.append(_divided(smooth, scale))
        return levels


def _unmeasured(sums: Maps) -> Maps:
    """NaN where C holds nothing, 0 elsewhere."""
    return np.where(sums[1] > SMALLEST, np.float32(0), np.float32(np.nan))


def _share(noise: Maps, detail: float) -> Maps:
    """S^2 / (S^2 + noise)."""
    expected = np.float32(detail**2)
    share: Maps = noise + expected
    return np.divide(expected, share, out=share)


def _divided(parts: list[Maps], scale: float) -> tuple[Maps, Maps]:
    """(A / C, scale / C); the second is huge where C holds nothing."""
    variance: Maps = np.maximum(parts[1], SMALLEST)
    np.divide(np.float32(1), variance, out=variance)
    value: Maps = parts[0] * variance
    variance *= np.float32(scale)
    return value, variance


def _twice(part: Maps, kernel: tuple[int, int]) -> Maps:
    once = cv2.blur(part, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(cv2.blur(once, kernel, borderType=cv2.BORDER_CONSTANT), np.float32)


def _enlarged(values: Maps, size: tuple[int, int]) -> Maps:
    if values.shape[::-1] == size:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _coarsening(box: float) -> int:
    """By how much a grid may be coarser under a box of so many pixels: a power of two, so that grids nest."""
    return 1 << max(0, math.floor(math.log2(max(box, 1.0) / MIN_STEPS)))


def _odd(box: float) -> int:
    """The nearest box that has a middle."""
    return 2 * max(0, round((box - 1) / 2)) + 1
