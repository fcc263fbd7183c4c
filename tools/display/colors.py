"""Colours: what a value, its sign, its confidence and its absence look like. BGR, 0 to 255."""

from functools import cache, lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.display.options import ColorMap

Image = NDArray[np.uint8]
Color = tuple[int, int, int]

BACKGROUND: Final[Color] = (30, 26, 24)
PANEL: Final[Color] = (46, 41, 38)
LINE: Final[Color] = (92, 86, 82)
TEXT: Final[Color] = (232, 230, 228)
MUTED: Final[Color] = (168, 162, 158)
ACCENT: Final[Color] = (240, 200, 120)
LEVEL_COLORS: Final[dict[str, Color]] = {
    "good": (110, 190, 90),
    "notice": (205, 165, 95),
    "warning": (60, 175, 245),
    "alarm": (70, 70, 240),
}

OPPOSITE: Final[Color] = (235, 105, 240)
"""Pixels that move against the region's median: pink, which none of the maps holds."""

_HATCH: Final = (58, 74)  # greys of 'no value': stripes, so that no grey map looks like it
_HATCH_PERIOD: Final = 8  # px

# Knots of the clinical map from HARD to SOFT, RGB: blue is hard and red is soft, as on most consoles.
_CLINICAL: Final = (
    (0.00, (16, 24, 150)),
    (0.20, (20, 110, 235)),
    (0.40, (40, 200, 190)),
    (0.55, (120, 220, 90)),
    (0.72, (250, 220, 60)),
    (0.88, (245, 120, 40)),
    (1.00, (205, 20, 30)),
)


@cache
def lookup_table(name: ColorMap) -> Image:
    """(256, 1, 3) BGR, from HARD (0) to SOFT (255). 'perceptual' is viridis; 'grey' goes dark to bright."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    if name == "perceptual":
        return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_VIRIDIS), np.uint8)
    if name == "grey":
        level = np.linspace(20, 250, 256).round().astype(np.uint8)
        return np.repeat(level[:, None, None], 3, axis=2)
    knots, colors = zip(*_CLINICAL, strict=True)
    channels = [np.interp(np.linspace(0, 1, 256), knots, [rgb[c] for rgb in colors]) for c in (2, 1, 0)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)[:, None, :]


def colorize(values: NDArray[np.float32], top: float, name: ColorMap, *, greyed: bool) -> Image:
    """The colour of every value: 0 is HARD, `top` and above SOFT, below 0 the colour of opposite sign.

    A value that is NaN gets some colour too: blend it away with confidence 0. `greyed` takes all hue away.
    """
    with np.errstate(invalid="ignore"):
        index = np.nan_to_num(np.clip(values * np.float32(255 / top), 0, 255)).astype(np.uint8)
        opposite = values < 0
    image = np.asarray(cv2.applyColorMap(index, lookup_table(name)), np.uint8)
    image[opposite] = OPPOSITE
    if greyed:
        image = np.asarray(
            cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8
        )
    return image


def blend(under: Image, over: Image, weight: NDArray[np.float32]) -> Image:
    """`over` on `under` with a weight per pixel, 0 to 1; weight 0 leaves `under` untouched."""
    return np.asarray(cv2.blendLinear(over, under, weight, 1 - weight), np.uint8)


@lru_cache(maxsize=4)
def hatch(width: int, height: int) -> Image:
    """Grey stripes: the ground of the strain image, seen where there is no value and through faint ones."""
    y, x = np.mgrid[0:height, 0:width]
    stripes = ((x + y) // (_HATCH_PERIOD // 2)) % 2
    level = np.where(stripes == 1, _HATCH[1], _HATCH[0]).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)
