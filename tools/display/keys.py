"""What each key does to the options. Lower-case letters and signs only: arrow keys have other codes on
every system, and OpenCV's Qt window tells no capital from its small letter.
"""

from dataclasses import replace
from typing import Final, TypeVar

from tools.display.geometry import extent_of
from tools.display.options import COLOR_MAPS, IMAGES, LAYOUTS, RANGE_MODES, VALUES, DisplayOptions
from tools.display.view import View

HELP: Final = (
    ("m", "B-mode and strain side by side, or strain over B-mode"),
    ("v", "value: relative strain (1 = average), or signed strain in %"),
    ("p", "image: fused from many pairs, or the newest pair alone"),
    ("c", "colour map: clinical, perceptual, grey"),
    ("+  –", "opacity of strain in the overlay"),
    ("[  ]", "persistence: shorter, longer"),
    ("<  >", "colour range: narrower, wider"),
    ("a", "colour range: held (follows soft tissue, 1 s), or fixed"),
    ("r", "own region of interest, or the node's"),
    ("i j k l", "move the own region up, left, down, right"),
    ("w n d u", "make it wider, narrower, deeper, shallower"),
    ("b", "show or hide the region's box"),
    ("f", "freeze, or go on"),
    ("s", "save this image as PNG"),
    ("h", "show or hide this help"),
    ("q", "quit"),
)

_PERSISTENCES: Final = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)  # s
_RANGES: Final = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
_STEP: Final = 0.05  # of the image's size, per key press
_MIN_REGION: Final = 0.1  # of the image's size
# Key: shift of (top, bottom, left, right) in steps of the image's height and width.
_MOVES: Final[dict[str, tuple[int, int, int, int]]] = {
    "i": (-1, -1, 0, 0),
    "k": (1, 1, 0, 0),
    "j": (0, 0, -1, -1),
    "l": (0, 0, 1, 1),
    "w": (0, 0, -1, 1),
    "n": (0, 0, 1, -1),
    "d": (0, 1, 0, 0),
    "u": (0, -1, 0, 0),
}

Box = tuple[float, float, float, float]
_T = TypeVar("_T")


def press(key: str, options: DisplayOptions, image: Box | None) -> DisplayOptions:
    """The options after a key; unknown keys change nothing.

    `image` is the box that the maps fill: top, bottom, left, right in mm (degrees across a curved probe);
    without one the region keys do nothing.
    """
    if key in _MOVES or key == "r":
        return _press_region(key, options, image)
    changed: dict[str, object] = {}
    match key:
        case "m":
            changed = {"layout": _next(LAYOUTS, options.layout)}
        case "v":
            changed = {"value": _next(VALUES, options.value)}
        case "p":
            changed = {"image": _next(IMAGES, options.image)}
        case "c":
            changed = {"color_map": _next(COLOR_MAPS, options.color_map)}
        case "+" | "=" | "-":
            step = -0.1 if key == "-" else 0.1
            changed = {"opacity": min(max(round(options.opacity + step, 2), 0.0), 1.0)}
        case "[" | "]":
            changed = {"persistence": _step(_PERSISTENCES, options.persistence, key == "]")}
        case "<" | "," | ">" | ".":
            changed = {"range_max": _step(_RANGES, options.range_max, key in ">.")}
        case "a":
            changed = {"range_mode": _next(RANGE_MODES, options.range_mode)}
        case "b":
            changed = {"show_region": not options.show_region}
        case "h" | "?":
            changed = {"show_help": not options.show_help}
    return replace(options, **changed)  # type: ignore[arg-type]  # each value has its field's type


def image_box(view: View) -> Box | None:
    """The box that the strain map fills, for `press`; None before the first image."""
    if view.strain is None:
        return None
    extent = extent_of([(view.strain.grid, view.strain.normalised.shape)])
    return extent.top, extent.bottom, extent.left, extent.right


def _press_region(key: str, options: DisplayOptions, image: Box | None) -> DisplayOptions:
    if image is None:
        return options
    top, bottom, left, right = image
    height, width = bottom - top, right - left
    if key == "r" and options.region is not None:
        return replace(options, region=None)
    if key == "r":  # the middle of the image, without its margins
        inset = (top + height / 4, bottom - height / 4, left + width / 4, right - width / 4)
        return replace(options, region=inset)
    if options.region is None:
        return options
    moves = _MOVES[key]
    steps = (height * _STEP, height * _STEP, width * _STEP, width * _STEP)
    moved = [edge + move * step for edge, move, step in zip(options.region, moves, steps, strict=True)]
    region = (max(moved[0], top), min(moved[1], bottom), max(moved[2], left), min(moved[3], right))
    large = region[1] - region[0] >= _MIN_REGION * height and region[3] - region[2] >= _MIN_REGION * width
    return replace(options, region=region) if large else options


def _next(choices: tuple[_T, ...], current: _T) -> _T:
    return choices[(choices.index(current) + 1) % len(choices)]


def _step(ladder: tuple[float, ...], value: float, up: bool) -> float:
    """The next rung above or below `value`; the last rung stays."""
    if up:
        return next((rung for rung in ladder if rung > value + 1e-9), max(value, ladder[-1]))
    return next((rung for rung in reversed(ladder) if rung < value - 1e-9), min(value, ladder[0]))
