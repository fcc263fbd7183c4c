"""B-mode and strain images with mm axes, region box and captions."""

import math
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from tools.display.colors import (
    ACCENT,
    BACKGROUND,
    LEVEL_COLORS,
    LINE,
    MUTED,
    TEXT,
    Image,
    blend,
    colorize,
    hatch,
)
from tools.display.geometry import Frame, extent_of, fit, resample_image, resample_values
from tools.display.options import Region
from tools.display.strain_image import StrainImage
from tools.display.text import BOLD, LARGE, SMALL, draw_text, wrap
from tools.display.view import View

Area = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 30, 10, 36  # px around an image for its axes and title
_CAPTION_LINE: Final = 20
_GREYED_WEIGHT: Final = 0.75  # a greyed image lets its ground through: unlike any live grey map


def draw_images(canvas: Image, view: View, area: Area) -> None:
    """Draw both images side by side at one scale, or strain over B-mode, into `area`."""
    parts = []
    if view.bmode is not None:
        parts.append((view.bmode.grid, view.bmode.image.shape))
    if view.strain is not None:
        parts.append((view.strain.grid, view.strain.normalised.shape))
    x, y, width, height = area
    if not parts:
        _draw_nothing(canvas, view, area)
        return
    extent = extent_of(parts)
    overlay = view.options.layout == "overlay"
    cell = width if overlay else width // 2
    drawn: list[tuple[str, Callable[[View, Frame], Image]]] = (
        [("Strain over B-mode", _overlay)] if overlay else [("B-mode", _bmode), ("Strain", _strain)]
    )
    for number, (title, image) in enumerate(drawn):
        left = x + number * cell + _LEFT
        frame = fit(extent, left, y + _TOP, cell - _LEFT - _RIGHT, height - _TOP - _BOTTOM)
        canvas[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width] = image(view, frame)
        _draw_axes(canvas, frame)
        _draw_region(canvas, view, frame)
        _draw_title(canvas, _title(title, view), frame, (left, cell - _LEFT - _RIGHT))
        if title != "B-mode":
            _draw_caption(canvas, view, frame)


def strain_layer(view: View, image: StrainImage, frame: Frame) -> tuple[Image, np.ndarray]:
    """Colours of the strain image on the frame, and their weight (0 where there is no value)."""
    percent = view.options.value == "percent"
    values = image.percent if percent else image.normalised
    resampled, sure = resample_values(values, image.confidence, image.grid, frame)
    colors = colorize(resampled, view.range_top, view.options.color_map, greyed=view.greyed)
    weight = np.where(np.isfinite(resampled), sure, np.float32(0))
    return colors, weight * np.float32(_GREYED_WEIGHT) if view.greyed else weight


def _bmode(view: View, frame: Frame) -> Image:
    if view.bmode is None:
        return np.full((frame.height, frame.width, 3), 0, np.uint8)
    grey = resample_image(view.bmode.image, view.bmode.grid, frame)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def _strain(view: View, frame: Frame) -> Image:
    ground = hatch(frame.width, frame.height)
    if view.strain is None:
        return ground
    colors, weight = strain_layer(view, view.strain, frame)
    return blend(ground, colors, weight)


def _overlay(view: View, frame: Frame) -> Image:
    ground = _bmode(view, frame) if view.bmode is not None else hatch(frame.width, frame.height)
    if view.strain is None:
        return ground
    colors, weight = strain_layer(view, view.strain, frame)
    return blend(ground, colors, weight * np.float32(view.options.opacity))


def _title(title: str, view: View) -> str:
    if title == "B-mode":
        said = f"B-mode, {view.bmode.dynamic_range_db:.0f} dB" if view.bmode else "no B-mode"
    else:
        value = "1 = average of the region" if view.options.value == "normalised" else "signed, in %"
        pairs = view.strain.pairs if view.strain is not None else None
        made = "" if view.strain is None else ", one pair" if pairs is None else f", {pairs:.0f} pairs fused"
        said = f"{title}: {value}{made}"
    return said


def _draw_title(canvas: Image, title: str, frame: Frame, cell: tuple[int, int]) -> None:
    left, width = cell
    room = left + width - frame.x
    draw_text(canvas, title, frame.x, frame.y - 10, color=TEXT, weight=BOLD, max_width=room)


def _draw_axes(canvas: Image, frame: Frame) -> None:
    left, top, right, bottom = frame.x, frame.y, frame.x + frame.width, frame.y + frame.height
    cv2.rectangle(canvas, (left - 1, top - 1), (right, bottom), LINE, 1)
    extent = frame.extent
    for depth in ticks(extent.top, extent.bottom, frame.height / 60):
        y = top + frame.row(depth)
        cv2.line(canvas, (left - 6, round(y)), (left - 2, round(y)), MUTED, 1)
        draw_text(canvas, f"{depth:g}", left - 10, y + 5, size=SMALL, color=MUTED, align="right")
    for lateral in ticks(extent.left, extent.right, frame.width / 70):
        x = left + frame.column(lateral)
        cv2.line(canvas, (round(x), bottom + 1), (round(x), bottom + 5), MUTED, 1)
        label = f"{lateral:g}".replace("-", "–")
        draw_text(canvas, label, x, bottom + 19, size=SMALL, color=MUTED, align="center")
    # Under the axis, where no narrow window can cut it off.
    unit = "not scan-converted, deg across" if extent.curved else "mm across"
    draw_text(canvas, unit, right, bottom + 33, size=SMALL, color=MUTED, align="right")
    draw_text(canvas, "mm", left - 10, top - 10, size=SMALL, color=MUTED, align="right")


def ticks(start: float, stop: float, about: float) -> list[float]:
    """Round numbers between start and stop, about as many as asked for: steps of 1, 2 or 5 times 10^n."""
    raw = (stop - start) / max(about, 1.0)
    decade = 10.0 ** math.floor(math.log10(raw))
    step = next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= raw)
    first, last = math.ceil(start / step - 1e-9), math.floor(stop / step + 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)]


def _draw_region(canvas: Image, view: View, frame: Frame) -> None:
    if view.region is None or not view.options.show_region:
        return
    top, bottom, left, right = _region_in_view(view.region, frame)
    corners = (
        (round(frame.x + np.clip(frame.column(left), 0, frame.width - 1)), round(frame.y + top)),
        (round(frame.x + np.clip(frame.column(right), 0, frame.width - 1)), round(frame.y + bottom)),
    )
    cv2.rectangle(canvas, *corners, BACKGROUND, 3, cv2.LINE_AA)  # dark rim: seen on bright images too
    cv2.rectangle(canvas, *corners, (255, 255, 255), 1, cv2.LINE_AA)


def _region_in_view(region: Region, frame: Frame) -> tuple[float, float, float, float]:
    """Rows of the region's edges in the frame, and its lateral edges in the frame's unit."""
    unit = math.degrees(1) if frame.extent.curved else 1e3
    top = float(np.clip(frame.row(region[0] * 1e3), 0, frame.height - 1))
    bottom = float(np.clip(frame.row(region[1] * 1e3), 0, frame.height - 1))
    return top, bottom, region[2] * unit, region[3] * unit


def _draw_caption(canvas: Image, view: View, frame: Frame) -> None:
    """Why the image is not new, on a dark band inside the image's lower edge."""
    color = LEVEL_COLORS["warning"]
    if view.greyed or view.held is not None:
        said = view.held if view.held is not None else view.banner.detail
        head = "no image yet" if view.strain is None else "last good image"
        age = f", {view.held_for:.1f} s old" if view.strain is not None and view.held is not None else ""
        lines = wrap(f"{head}{age}: {said}", frame.width - 24, SMALL, BOLD)
        band = _CAPTION_LINE * len(lines) + 8
        y = frame.y + frame.height - band
        strip = canvas[y : y + band, frame.x : frame.x + frame.width]
        strip[:] = strip // 5
        for number, line in enumerate(lines):
            at = y + 19 + number * _CAPTION_LINE
            draw_text(canvas, line, frame.x + 12, at, size=SMALL, weight=BOLD, color=color)
    if view.greyed:
        edge = ((frame.x - 2, frame.y - 2), (frame.x + frame.width + 1, frame.y + frame.height + 1))
        cv2.rectangle(canvas, *edge, color, 2)
    elif view.frozen:
        draw_text(canvas, "FROZEN", frame.x + frame.width - 10, frame.y + 22, align="right", color=ACCENT,
                  weight=BOLD)  # fmt: skip


def _draw_nothing(canvas: Image, view: View, area: Area) -> None:
    x, y, width, height = area
    middle, line = x + width / 2, y + height / 2
    draw_text(canvas, "No image yet", middle, line - 10, size=LARGE, weight=BOLD, align="center")
    draw_text(canvas, view.held or "", middle, line + 24, color=MUTED, align="center", max_width=width - 40)
