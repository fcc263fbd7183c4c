"""The pure render function: a view in, one BGR image out."""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from tools.display.colors import ACCENT, BACKGROUND, LEVEL_COLORS, LINE, MUTED, PANEL, TEXT, Image
from tools.display.keys import HELP
from tools.display.panels import Area, draw_images, frames_of
from tools.display.readouts import (
    draw_quality,
    draw_scale,
    draw_status,
    draw_trace,
    notes,
    pointer_text,
)
from tools.display.text import BOLD, LARGE, NORMAL, SMALL, draw_text, text_width, wrap
from tools.display.view import View

SIZE: Final = (1280, 720)
MIN_SIZE: Final = (960, 600)
DISCLAIMER: Final = "relative axial strain, not stiffness – research use only"

_TOP: Final = 38  # px, heights of the bands and width of the scale's column
_READOUTS: Final = 112
_STATUS: Final = 26
_FOOT: Final = 28
_SCALE: Final = 138
_GAP: Final = 10  # px between an image and its colour bar
_QUALITY: Final = 250


def render(view: View, size: tuple[int, int] = SIZE) -> Image:
    """The whole window as an image of `size` (width, height) or MIN_SIZE where that is larger.

    The same view gives the same pixels. The disclaimer is drawn last, over everything.
    """
    width, height = max(size[0], MIN_SIZE[0]), max(size[1], MIN_SIZE[1])
    canvas = _ground(width, height).copy()
    images_bottom = height - _READOUTS - _STATUS - _FOOT
    if view.waiting:
        _draw_waiting(canvas, view, _TOP, images_bottom)
    else:
        area = image_area(width, height)
        draw_images(canvas, view, area)
        draw_scale(canvas, view, (scale_place(view, area), _TOP, _SCALE, images_bottom - _TOP))
    draw_quality(canvas, view, (0, images_bottom, _QUALITY, _READOUTS))
    draw_trace(canvas, view, (_QUALITY, images_bottom, width - _QUALITY - 12, _READOUTS))
    draw_status(canvas, view, (0, height - _STATUS - _FOOT, width, _STATUS))
    _draw_top(canvas, view)
    if view.options.show_help:
        _draw_help(canvas)
    elif view.options.show_notes:
        _draw_notes(canvas, view)
    _draw_foot(canvas, view)
    return canvas


def image_area(width: int, height: int) -> Area:
    """Where the images lie in a window that is drawn at this size."""
    return 0, _TOP, width - _SCALE, height - _READOUTS - _STATUS - _FOOT - _TOP


def scale_place(view: View, area: Area) -> int:
    """x of the colour bar: beside the last image, which true millimetres make narrow on wide screens."""
    right = area[0] + area[2]
    frames = frames_of(view, area)
    return min(frames[-1].x + frames[-1].width + _GAP, right) if frames else right


@lru_cache(maxsize=2)
def _ground(width: int, height: int) -> Image:
    return np.full((height, width, 3), BACKGROUND, np.uint8)  # 5 ms, so once per window size


def _draw_top(canvas: Image, view: View) -> None:
    width = canvas.shape[1]
    cv2.rectangle(canvas, (0, 0), (width, _TOP - 1), PANEL, -1)
    x = 14 + draw_text(canvas, "musse-stream", 14, 25, weight=BOLD, size=17) + 16
    color = LEVEL_COLORS[view.banner.level]
    pill = x + draw_text(canvas, view.banner.text, x + 12, 25, weight=BOLD, color=color) + 24
    cv2.rectangle(canvas, (x, 7), (pill, _TOP - 7), color, 2, cv2.LINE_AA)
    x = pill + 14
    if view.recording:
        red = LEVEL_COLORS["alarm"]
        cv2.circle(canvas, (x + 5, 19), 6, red, -1, cv2.LINE_AA)
        x += 16 + draw_text(canvas, "REC", x + 16, 25, weight=BOLD, color=red) + 14
    if view.frozen is not None:
        x += draw_text(canvas, view.frozen.label, x, 25, weight=BOLD, color=ACCENT) + 14
    keys = "h: help" if view.address else ""  # images of a file have no keys
    right = width - 14 - draw_text(canvas, keys, width - 14, 25, size=SMALL, color=MUTED, align="right")
    source = f"source {view.source}" if view.source else ""
    if view.other_sources:
        source += f"  (not shown: {', '.join(view.other_sources)})"
    right -= 24 + draw_text(
        canvas, source, right - 24, 25, size=SMALL, color=MUTED, align="right", max_width=width * 0.35
    )
    notice_text = view.notice or view.banner.detail
    draw_text(
        canvas, notice_text, x, 25, color=color if not view.notice else ACCENT, max_width=right - x - 20
    )


def _draw_foot(canvas: Image, view: View) -> None:
    height, width = canvas.shape[:2]
    cv2.rectangle(canvas, (0, height - _FOOT), (width, height), PANEL, -1)
    taken = draw_text(
        canvas, DISCLAIMER, width - 14, height - 9, color=ACCENT, weight=BOLD, size=NORMAL, align="right"
    )
    footer = pointer_text(view)
    if not footer and view.assumed:
        footer = f"assumed values of the acquisition: {len(view.assumed)}, key o"
    draw_text(canvas, footer, 14, height - 9, size=SMALL, color=TEXT, max_width=width - taken - 52)


def _draw_waiting(canvas: Image, view: View, top: int, bottom: int) -> None:
    middle = canvas.shape[1] / 2
    y = (top + bottom) / 2 - 40
    draw_text(canvas, view.waiting[0], middle, y, size=LARGE, weight=BOLD, align="center")
    for number, line in enumerate(view.waiting[1:]):
        size, color = (20, ACCENT) if number == 0 else (NORMAL, MUTED)
        y += 38 if number == 0 else 30
        draw_text(canvas, line, middle, y, size=size, color=color, align="center", max_width=2 * middle - 40)


def _draw_help(canvas: Image) -> None:
    width = 154 + max(text_width(meaning) for _, meaning in HELP)
    y, x = _draw_box(canvas, width, 52 + 22 * len(HELP), "Keys")
    for number, (key, meaning) in enumerate(HELP):
        line = y + 22 * number
        draw_text(canvas, key, x, line, weight=BOLD, color=ACCENT)
        draw_text(canvas, meaning, x + 106, line)


def _draw_notes(canvas: Image, view: View) -> None:
    width = canvas.shape[1] * 4 // 5
    lines = [line for note in notes(view) for line in wrap(note, width - 48, SMALL)]
    y, x = _draw_box(canvas, width, 52 + 20 * len(lines), "Notes on this acquisition")
    for number, line in enumerate(lines):
        draw_text(canvas, line, x, y + 20 * number, size=SMALL)


def _draw_box(canvas: Image, w: int, h: int, title: str) -> tuple[int, int]:
    """A dark box in the middle; returns row and column of its first line of text."""
    height, width = canvas.shape[:2]
    x, y = (width - w) // 2, max(0, (height - h) // 2 - 20)
    box = canvas[y : y + h, x : x + w]
    box[:] = box // 6 + np.array(PANEL, np.uint8) * np.uint8(4) // 6
    cv2.rectangle(canvas, (x, y), (x + w - 1, y + h - 1), LINE, 1)
    draw_text(canvas, title, x + 24, y + 30, weight=BOLD, size=18)
    return y + 56, x + 24
