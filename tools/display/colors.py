"""Colours: what a value, its sign, its confidence and its absence look like. BGR, 0 to 255."""

from functools import cache, lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.display.config import ColorMap

Image = NDArray[np.uint8]
Color = tuple[int, int, int]

BACKGROUND: Final[Color] = (30, 26, 24)
PANEL: Final[Color] = (46, 41, 38)
LINE: Final[Color] = (92, 86, 82)
TEXT: Final[Color] = (232, 230, 228)
MUTED: Final[Color] = (168, 162, 158)
ACCENT: Final[Color] = (240, 200, 120)
BADGE: Final[Color] = (110, 50, 20)
BAND: Final[Color] = (58, 66, 48)  # of the trace: strain per pair that makes good images
LEVEL_COLORS: Final[dict[str, Color]] = {
    "good": (110, 190, 90),
    "notice": (205, 165, 95),
    "warning": (60, 175, 245),
    "alarm": (70, 70, 240),
}

OPPOSITE: Final[Color] = (235, 105, 240)
"""Pixels that certainly move against the region's median: pink, which none of the maps holds."""

MAP_NAMES: Final[dict[ColorMap, str]] = {
    "clinical": "clinical: blue hard, red soft",
    "reversed": "reversed: red hard, blue soft",
    "perceptual": "perceptual (viridis)",
    "grey": "grey: dark hard",
}
MIDDLE: Final = 128
"""Entry of every table that shows 1, the average, at every range."""
EXPOSED: Final = 0.38  # grey of the median B-mode pixel after automatic exposure, 0 black to 1 white

_HATCH: Final = (58, 74)  # greys of 'no value': stripes, so that no grey map looks like it
_HATCH_PERIOD: Final = 8  # px

# Knots of the clinical map from HARD to SOFT, RGB: blue hard, green average, red soft.
_CLINICAL: Final = (
    (0.00, (16, 24, 150)),
    (0.20, (20, 110, 235)),
    (0.36, (40, 190, 200)),
    (MIDDLE / 255, (70, 195, 80)),
    (0.68, (235, 215, 60)),
    (0.84, (245, 120, 40)),
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
    if name == "reversed":
        return np.ascontiguousarray(lookup_table("clinical")[::-1])
    knots, colors = zip(*_CLINICAL, strict=True)
    channels = [np.interp(np.linspace(0, 1, 256), knots, [rgb[c] for rgb in colors]) for c in (2, 1, 0)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)[:, None, :]


def table_index(values: NDArray[np.float32], top: float, *, two_sided: bool = True) -> NDArray[np.uint8]:
    """Entry of the colour table for every value; NaN gets entry 0.

    Two-sided linear: 0 and below is HARD, 1 always the middle, `top` and above SOFT. One-sided (signed strain
    in %): 0 is HARD, `top` SOFT.
    """
    with np.errstate(invalid="ignore"):
        if two_sided:
            soft = MIDDLE + (values - 1) * np.float32((255 - MIDDLE) / (top - 1))
            index = np.where(values < 1, values * np.float32(MIDDLE), soft)
        else:
            index = values * np.float32(255 / top)
        entries: NDArray[np.uint8] = np.rint(np.nan_to_num(np.clip(index, 0, 255))).astype(np.uint8)
        return entries


def colorize(
    values: NDArray[np.float32],
    top: float,
    name: ColorMap,
    *,
    opposite: NDArray[np.bool_] | None = None,
    two_sided: bool = True,
    greyed: bool = False,
) -> Image:
    """The colour of every value, that of opposite sign where `opposite`; `greyed` takes all hue away.

    A value that is NaN gets some colour too: blend it away with confidence 0.
    """
    index = table_index(values, top, two_sided=two_sided)
    image = np.asarray(cv2.applyColorMap(index, lookup_table(name)), np.uint8)
    if opposite is not None:
        image[opposite] = OPPOSITE
    if greyed:
        image = np.asarray(
            cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8
        )
    return image


def exposure(image: NDArray[np.uint8], dynamic_range_db: float, shown_range_db: float) -> float:
    """dB to add to a B-mode so that its median pixel is as grey as tissue on consoles; 0 if it is black."""
    lit = image[::4, ::2]
    lit = lit[lit > 0]
    if not lit.size:
        return 0.0
    median_db = (float(np.median(lit)) / 255 - 1) * dynamic_range_db
    return (EXPOSED - 1) * shown_range_db - median_db


def grey_levels(dynamic_range_db: float, gain_db: float, shown_range_db: float) -> NDArray[np.uint8]:
    """(256,) grey that is shown for every grey of a B-mode of that dynamic range; 0 stays black."""
    level = (np.arange(256) / 255 - 1) * dynamic_range_db + gain_db
    levels = np.clip(255 * (1 + level / shown_range_db), 0, 255).round().astype(np.uint8)
    levels[0] = 0
    return levels


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
