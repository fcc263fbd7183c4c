"""What each key does to the options. Lower-case letters and signs only: arrow keys have other codes on
every system, and OpenCV's Qt window does not distinguish capitals.
"""

import math
from dataclasses import replace
from typing import Final, TypeVar

from streamer.control import TIME_CONSTANTS
from streamer.headers import Grid
from tools.display.options import COLOR_MAPS, IMAGES, LAYOUTS, RANGE_MODES, VALUES, DisplayOptions
from tools.display.view import View
from tools.geometry import axes_of, is_curved, to_beam

HELP: Final = (
    ("space  f", "freeze, or go on"),
    ("m", "B-mode and strain side by side, or strain over B-mode"),
    ("v", "value: relative strain (1 = average), or signed strain in %"),
    ("p", "image: fused from many pairs, or the newest pair alone"),
    ("c", "colours: clinical (red soft), reversed (red hard), perceptual, grey"),
    ("+  –", "opacity of strain in the overlay"),
    ("[  ]", "persistence: shorter, longer; of fused images for all displays"),
    ("<  >", "colour range: narrower, wider"),
    ("a", "colour range: fixed, or held (its soft end follows soft tissue, 1 s)"),
    ("1  2", "B-mode gain: lower, higher"),
    ("3  4", "B-mode dynamic range: narrower, wider"),
    ("x", "exchange left and right"),
    ("mouse", "value under the pointer; drag a box: your ROI"),
    ("r", "switch between your ROI and the node's"),
    ("i j k l", "move your ROI up, left, down, right"),
    ("w n d u", "make it wider, narrower, deeper, shallower"),
    ("b", "show or hide the region's box"),
    ("s", "save this image as PNG, with time, settings and numbers"),
    ("g", "save RF and results: the last 20 s; frozen: all before the freeze"),
    ("o", "show or hide the notes: assumed values, counters, delays"),
    ("F11", "full screen, or not"),
    ("h  Esc", "show or hide this help"),
    ("q", "quit; while a recording runs, twice"),
)

ESCAPE: Final = "\x1b"
_RANGES: Final = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
_GAINS: Final = tuple(3.0 * step for step in range(-10, 11))  # dB
_BMODE_RANGES: Final = (30.0, 40.0, 50.0, 60.0, 70.0, 80.0)  # dB
_CYCLES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "m": ("layout", LAYOUTS),
    "v": ("value", VALUES),
    "p": ("image", IMAGES),
    "c": ("color_map", COLOR_MAPS),
    "a": ("range_mode", RANGE_MODES),
}
# Key: option, its values, and whether the key goes up.
_LADDERS: Final[dict[str, tuple[str, tuple[float, ...], bool]]] = {
    "[": ("persistence", TIME_CONSTANTS, False),
    "]": ("persistence", TIME_CONSTANTS, True),
    "<": ("range_max", _RANGES, False),
    ",": ("range_max", _RANGES, False),
    ">": ("range_max", _RANGES, True),
    ".": ("range_max", _RANGES, True),
    "1": ("bmode_gain", _GAINS, False),
    "2": ("bmode_gain", _GAINS, True),
    "3": ("bmode_range", _BMODE_RANGES, False),
    "4": ("bmode_range", _BMODE_RANGES, True),
}
_TOGGLES: Final = {"b": "show_region", "x": "flip", "h": "show_help", "?": "show_help", "o": "show_notes"}
_OVERLAYS: Final = ("show_help", "show_notes")
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
    if key in _CYCLES:
        name, choices = _CYCLES[key]
        changed = {name: _next(choices, getattr(options, name))}
    elif key in _LADDERS:
        name, rungs, up = _LADDERS[key]
        changed = {name: step(rungs, getattr(options, name), up=up)}
    elif key in _TOGGLES:
        shown = not getattr(options, _TOGGLES[key])
        overlays = {"show_help": False, "show_notes": False} if _TOGGLES[key] in _OVERLAYS else {}
        changed = {**overlays, _TOGGLES[key]: shown}
    elif key in "+=-":
        more = -0.1 if key == "-" else 0.1
        changed = {"opacity": min(max(round(options.opacity + more, 2), 0.0), 1.0)}
    elif key == ESCAPE:
        changed = dict.fromkeys(_OVERLAYS, False)
    return replace(options, **changed)  # type: ignore[arg-type]  # each value has its field's type


def sets_fusion(view: View) -> bool:
    """Whether the persistence that is shown is the node's: always, unless single pairs were asked for."""
    return view.options.image == "fused" and view.options.value == "normalised"


def image_box(view: View) -> Box | None:
    """The box that the strain map fills, for `press`; None before the first image."""
    return None if view.strain is None else box_of(view.strain.grid, view.strain.normalised.shape)


def dragged_region(view: View, start: tuple[float, float], end: tuple[float, float]) -> Box | None:
    """The viewer's region from a drag on the strain image; None without one, or as `box_between`."""
    if view.strain is None:
        return None
    return box_between(view.strain.grid, view.strain.normalised.shape, start, end)


def box_of(grid: Grid, shape: tuple[int, ...]) -> Box:
    """The box that a map fills: top, bottom, left, right in mm (degrees across a curved probe)."""
    depth, lateral = axes_of(grid, shape)
    unit = math.degrees(1) if is_curved(grid) else 1e3
    half, side = grid.axial_step / 2, grid.lateral_step / 2
    return (
        float(depth[0] - half) * 1e3,
        float(depth[-1] + half) * 1e3,
        float(lateral[0] - side) * unit,
        float(lateral[-1] + side) * unit,
    )


def box_between(
    grid: Grid, shape: tuple[int, ...], start: tuple[float, float], end: tuple[float, float]
) -> Box | None:
    """The box between two points of the image plane (x, z in mm), as far as it lies on the map.

    None where it would be smaller than a tenth of the map in either direction.
    """
    top, bottom, left, right = box_of(grid, shape)
    unit = math.degrees(1) if is_curved(grid) else 1e3
    beams = [to_beam(grid, *point) for point in (start, end)]
    depth = [min(max(float(d) * 1e3, top), bottom) for d, _ in beams]
    lateral = [min(max(float(x) * unit, left), right) for _, x in beams]
    box = (min(depth), max(depth), min(lateral), max(lateral))
    large = box[1] - box[0] >= _MIN_REGION * (bottom - top) and box[3] - box[2] >= _MIN_REGION * (
        right - left
    )
    return box if large else None


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


def step(ladder: tuple[float, ...], value: float, *, up: bool) -> float:
    """The next rung above or below `value`; the last rung stays."""
    if up:
        return next((rung for rung in ladder if rung > value + 1e-9), max(value, ladder[-1]))
    return next((rung for rung in reversed(ladder) if rung < value - 1e-9), min(value, ladder[0]))
