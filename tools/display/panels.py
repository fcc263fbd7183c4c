"""B-mode and strain images with mm axes, region box and captions."""

import math
from collections.abc import Callable
from typing import Final, Literal

import cv2
import numpy as np

from tools.display.colors import (
    ACCENT,
    BACKGROUND,
    BADGE,
    LEVEL_COLORS,
    LINE,
    MUTED,
    TEXT,
    Image,
    blend,
    colorize,
    grey_levels,
    hatch,
)
from tools.display.strain_image import StrainImage
from tools.display.text import BOLD, LARGE, SMALL, draw_text, text_width, wrap
from tools.display.view import View, ago
from tools.geometry import (
    Frame,
    extent_of,
    fit,
    mark_at_right,
    oblique_lines,
    outline,
    resample_image,
    resample_values,
)

Area = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 30, 10, 36  # px around an image for its axes and title
_CAPTION_LINE: Final = 20
_DASH: Final = 7  # px
_GREYED_WEIGHT: Final = 0.75  # a greyed image lets its ground through: unlike any live grey map


def frames_of(view: View, area: Area) -> list[Frame]:
    """Where the images lie in `area`: B-mode and strain side by side at one scale, or one frame for both."""
    parts = []
    if view.bmode is not None:
        parts.append((view.bmode.grid, view.bmode.image.shape))
    if view.strain is not None:
        parts.append((view.strain.grid, view.strain.normalised.shape))
    if not parts:
        return []
    x, y, width, height = area
    extent = extent_of(parts)
    cells = 1 if view.options.layout == "overlay" else 2
    room = width // cells - _LEFT - _RIGHT, height - _TOP - _BOTTOM
    return [
        fit(extent, x + number * (width // cells) + _LEFT, y + _TOP, *room, flip=view.options.flip)
        for number in range(cells)
    ]


def draw_images(canvas: Image, view: View, area: Area) -> None:
    """Draw both images side by side at one scale, or strain over B-mode, into `area`."""
    frames = frames_of(view, area)
    if not frames:
        _draw_nothing(canvas, view, area)
        return
    cell = area[2] // len(frames)
    drawn: list[tuple[str, Callable[[View, Frame], Image]]] = (
        [("B-mode", _bmode), ("Strain", _strain)] if len(frames) == 2 else [("Strain over B-mode", _overlay)]
    )
    for number, (frame, (title, image)) in enumerate(zip(frames, drawn, strict=True)):
        left = area[0] + number * cell + _LEFT
        canvas[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width] = image(view, frame)
        _draw_axes(canvas, frame)
        _draw_mark(canvas, view, frame)
        _draw_region(canvas, view, frame)
        _draw_pointer(canvas, view, frame)
        _draw_title(canvas, _titles(title, view), frame, (left, cell - _LEFT - _RIGHT))
        if title != "B-mode":
            _draw_oblique(canvas, view, frame)
        if title == "B-mode":
            _draw_bmode_caption(canvas, view, frame)
        else:
            _draw_caption(canvas, view, frame)


def strain_layer(view: View, image: StrainImage, frame: Frame) -> tuple[Image, np.ndarray]:
    """Colours of the strain image on the frame, and their weight (0 where there is no value)."""
    percent = view.options.value == "percent"
    values = image.percent if percent else image.normalised
    resampled, sure, opposite = resample_values(values, image.confidence, image.opposite, image.grid, frame)
    colors = colorize(
        resampled,
        view.range_top,
        view.options.color_map,
        opposite=opposite,
        two_sided=not percent,
        greyed=view.greyed,
    )
    return colors, sure * np.float32(_GREYED_WEIGHT) if view.greyed else sure


def _bmode(view: View, frame: Frame) -> Image:
    if view.bmode is None:
        return np.full((frame.height, frame.width, 3), 0, np.uint8)
    grey = resample_image(view.bmode.image, view.bmode.grid, frame)
    gain = view.bmode.exposure_db + view.options.bmode_gain
    levels = grey_levels(view.bmode.dynamic_range_db, gain, view.options.bmode_range)
    if view.bmode_greyed:
        levels = np.asarray(levels // 2 + 48, np.uint8)  # flat: unlike any live B-mode
    return np.asarray(cv2.cvtColor(cv2.LUT(grey, levels), cv2.COLOR_GRAY2BGR), np.uint8)


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


def _titles(title: str, view: View) -> list[str]:
    """The title of an image, and shorter ones for a narrow window."""
    if title == "B-mode":
        gain = view.options.bmode_gain
        shown = f"B-mode, {view.options.bmode_range:.0f} dB" + (f", gain {gain:+.0f} dB" if gain else "")
        return [shown if view.bmode else "no B-mode"]
    pairs = view.strain.pairs if view.strain is not None else None
    fused = "" if pairs is None else f", {pairs:.0f} {'pair' if round(pairs) == 1 else 'pairs'} fused"
    single = ", single pairs" if view.options.persistence else ", one pair"
    made = "" if view.strain is None else fused or single
    if view.options.value != "normalised":
        return [f"{title}: signed, in %{made}"]
    return [f"{title}: 1 = average of the region{made}", f"{title}: 1 = average{made}", f"{title}{made}"]


def _draw_title(canvas: Image, titles: list[str], frame: Frame, cell: tuple[int, int]) -> None:
    left, width = cell
    room = left + width - frame.x
    title = next((title for title in titles if text_width(title, weight=BOLD) <= room), titles[-1])
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
    draw_text(canvas, "mm across", right, bottom + 33, size=SMALL, color=MUTED, align="right")
    draw_text(canvas, "mm", left - 10, top - 10, size=SMALL, color=MUTED, align="right")


def _draw_mark(canvas: Image, view: View, frame: Frame) -> None:
    """A dot above the probe's marked side; a ring above the first line where the mark is not stated."""
    drawn = view.strain or view.bmode
    if drawn is None:
        return
    right = mark_at_right(drawn.grid, flip=frame.flip)
    at = (frame.x + (frame.width - 6 if right else 5), frame.y - 5)
    cv2.circle(canvas, at, 4, ACCENT, -1 if drawn.grid.mark else 1, cv2.LINE_AA)


def _draw_oblique(canvas: Image, view: View, frame: Frame) -> None:
    """Dashed beams beyond which uniform tissue looks hard."""
    image = view.strain
    for beam in [] if image is None else oblique_lines(image.grid, image.normalised.shape):
        start, end = (np.array([frame.x + frame.column(x), frame.y + frame.row(z)]) for x, z in beam)
        dashes = max(1, round(float(np.hypot(*(end - start))) / _DASH))
        for number in range(0, dashes, 2):
            a = start + (end - start) * number / dashes
            b = start + (end - start) * min(number + 1, dashes) / dashes
            ends = (round(a[0]), round(a[1])), (round(b[0]), round(b[1]))
            cv2.line(canvas, *ends, BACKGROUND, 3, cv2.LINE_AA)
            cv2.line(canvas, *ends, (255, 255, 255), 1, cv2.LINE_AA)
        x, y = start + 0.75 * (end - start)
        outwards = -1 if end[0] < start[0] else 1
        align: Literal["left", "right"] = "right" if outwards < 0 else "left"
        for number, words in enumerate(("oblique beams", "look harder")):
            at = y + number * _CAPTION_LINE
            draw_text(canvas, words, x + 8 * outwards, at, size=SMALL, align=align)


def ticks(start: float, stop: float, about: float) -> list[float]:
    """Round numbers between start and stop, about as many as asked for: steps of 1, 2 or 5 times 10^n."""
    raw = (stop - start) / max(about, 1.0)
    decade = 10.0 ** math.floor(math.log10(raw))
    step = next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= raw)
    first, last = math.ceil(start / step - 1e-9), math.floor(stop / step + 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)]


def _draw_region(canvas: Image, view: View, frame: Frame) -> None:
    drawn = view.strain or view.bmode
    if view.region is None or drawn is None or not view.options.show_region:
        return
    edge = [(frame.column(x), frame.row(z)) for x, z in outline(drawn.grid, view.region)]
    clipped = np.clip(edge, 0, [frame.width - 1, frame.height - 1])
    points = np.round(np.add(clipped, (frame.x, frame.y))).astype(np.int32)[:, None]
    cv2.polylines(canvas, [points], True, BACKGROUND, 3, cv2.LINE_AA)  # dark rim: seen on bright images too
    cv2.polylines(canvas, [points], True, (255, 255, 255), 1, cv2.LINE_AA)


def _draw_pointer(canvas: Image, view: View, frame: Frame) -> None:
    if view.pointer is None:
        return
    x, y = frame.column(view.pointer[0]), frame.row(view.pointer[1])
    if 0 <= x < frame.width and 0 <= y < frame.height:
        at = (round(frame.x + x), round(frame.y + y))
        cv2.drawMarker(canvas, at, BACKGROUND, cv2.MARKER_CROSS, 19, 3)
        cv2.drawMarker(canvas, at, (255, 255, 255), cv2.MARKER_CROSS, 17, 1)


def _draw_bmode_caption(canvas: Image, view: View, frame: Frame) -> None:
    """How old the B-mode is, where it is not current."""
    if view.frozen is not None:
        _draw_badge(canvas, view.frozen.label, frame)
    elif view.bmode_greyed:
        age = view.ages.bmode.seconds
        _draw_band(canvas, f"last B-mode, {ago(age or 0.0)} old", frame)


def _draw_caption(canvas: Image, view: View, frame: Frame) -> None:
    """Why the image is not new, on a dark band inside the image's lower edge."""
    if view.frozen is not None:
        _draw_badge(canvas, view.frozen.label, frame)
        return
    if view.greyed or view.held is not None:
        caption = view.held if view.held is not None else view.banner.detail
        head = "no image yet" if view.strain is None else "last good image"
        age = view.ages.strain.seconds
        old = f", {ago(age)} old" if view.strain is not None and age is not None else ""
        _draw_band(canvas, f"{head}{old}: {caption}", frame, framed=view.greyed)


def _draw_band(canvas: Image, text: str, frame: Frame, *, framed: bool = True) -> None:
    color = LEVEL_COLORS["warning"]
    lines = wrap(text, frame.width - 24, SMALL, BOLD)
    band = min(_CAPTION_LINE * len(lines) + 8, frame.height)
    y = frame.y + frame.height - band
    strip = canvas[y : y + band, frame.x : frame.x + frame.width]
    strip[:] = strip // 5
    for number, line in enumerate(lines):
        at = y + 19 + number * _CAPTION_LINE
        draw_text(canvas, line, frame.x + 12, at, size=SMALL, weight=BOLD, color=color)
    if framed:
        edge = ((frame.x - 2, frame.y - 2), (frame.x + frame.width + 1, frame.y + frame.height + 1))
        cv2.rectangle(canvas, *edge, color, 2)


def _draw_badge(canvas: Image, text: str, frame: Frame) -> None:
    """White on dark blue in the image's upper left corner: legible on every colour of the maps."""
    width = min(text_width(text, SMALL, BOLD) + 16, frame.width)
    canvas[frame.y : frame.y + 24, frame.x : frame.x + width] = BADGE
    draw_text(canvas, text, frame.x + 8, frame.y + 17, size=SMALL, weight=BOLD, max_width=width - 10)


def _draw_nothing(canvas: Image, view: View, area: Area) -> None:
    x, y, width, height = area
    middle, line = x + width / 2, y + height / 2
    draw_text(canvas, "No image yet", middle, line - 10, size=LARGE, weight=BOLD, align="center")
    draw_text(canvas, view.held or "", middle, line + 24, color=MUTED, align="center", max_width=width - 40)
