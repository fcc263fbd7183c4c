"""The numbers around the images: colour bar, quality, mean-strain trace, status line."""

from typing import Final

import cv2
import numpy as np

from tools.display.colors import (
    ACCENT,
    LEVEL_COLORS,
    LINE,
    MUTED,
    OPPOSITE,
    PANEL,
    TEXT,
    Color,
    Image,
    hatch,
    lookup_table,
)
from tools.display.panels import Area, ticks
from tools.display.strain_image import MIN_SNRE
from tools.display.text import BOLD, SMALL, draw_text, text_width
from tools.display.view import TRACE_SECONDS, View

_TRACE_RANGES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # %
_BAR_WIDTH: Final = 26
_LEGEND: Final = 132  # px below the bar


def draw_scale(canvas: Image, view: View, area: Area) -> None:
    """The colour bar with its words and numbers, and what the other colours mean."""
    x, y, _, height = area
    top, bottom, left = y + 58, y + height - _LEGEND, x + 14
    middle = left + _BAR_WIDTH // 2
    colors = lookup_table(view.options.color_map)[::-1]
    bar = cv2.resize(colors, (_BAR_WIDTH, bottom - top), interpolation=cv2.INTER_LINEAR)
    canvas[top:bottom, left : left + _BAR_WIDTH] = bar
    cv2.rectangle(canvas, (left - 1, top - 1), (left + _BAR_WIDTH, bottom), LINE, 1)
    percent = view.options.value == "percent"
    draw_text(canvas, "strain in %" if percent else "relative strain", x + 4, y + 20, size=SMALL, weight=BOLD)
    draw_text(canvas, "SOFT", middle, top - 8, weight=BOLD, align="center")
    draw_text(canvas, "HARD", middle, bottom + 19, weight=BOLD, align="center")
    sign = view.strain.sign if percent and view.strain is not None else 1.0
    for value in ticks(0.0, view.range_top, 8):
        line = bottom - (bottom - top) * value / view.range_top
        cv2.line(canvas, (left + _BAR_WIDTH + 1, round(line)), (left + _BAR_WIDTH + 6, round(line)), MUTED, 1)
        label = signed(value * sign) if percent else f"{value:g}"
        if not percent and value == 1:
            label += " average"
        draw_text(canvas, label, left + _BAR_WIDTH + 10, line + 5, size=SMALL)
    _draw_legend(canvas, view, left, bottom + 34)


def _draw_legend(canvas: Image, view: View, left: int, y: int) -> None:
    swatch = (18, 12)
    for number, (label, fill) in enumerate((("opposite sign", OPPOSITE), ("no value", None))):
        line = y + number * 19
        box = canvas[line : line + swatch[1], left : left + swatch[0]]
        box[:] = hatch(*swatch) if fill is None else np.array(fill, np.uint8)
        draw_text(canvas, label, left + 25, line + 11, size=SMALL, color=MUTED)
    options = view.options
    said = ["range held, 1 s" if options.range_mode == "held" else "range fixed"]
    said.append(f"persistence {options.persistence:g} s" if options.persistence else "no persistence")
    if options.layout == "overlay":
        said.append(f"opacity {options.opacity * 100:.0f} %")
    for number, line_text in enumerate(said):
        draw_text(canvas, line_text, left, y + 54 + number * 18, size=SMALL, color=MUTED)


def draw_quality(canvas: Image, view: View, area: Area) -> None:
    """Quality bar, predicted SNRe and the direction of the newest pair."""
    x, y, width, _ = area
    left, right = x + 14, x + width - 24
    draw_text(canvas, "Pair quality", left, y + 20, size=SMALL, weight=BOLD)
    cv2.rectangle(canvas, (left, y + 30), (right, y + 46), PANEL, -1)
    quality = view.quality
    if quality is not None:
        draw_text(canvas, f"{quality:.2f}", right, y + 20, size=SMALL, align="right")
        color = quality_color(quality)
        cv2.rectangle(canvas, (left, y + 30), (left + round((right - left) * quality), y + 46), color, -1)
    cv2.rectangle(canvas, (left, y + 30), (right, y + 46), LINE, 1)
    snre = view.predicted_snre
    said = "–" if snre is None else f"{snre:.1f}"
    low = snre is not None and snre < MIN_SNRE
    draw_text(canvas, "Predicted SNRe", left, y + 72, size=SMALL, color=MUTED)
    draw_text(canvas, said, right, y + 72, align="right", color=LEVEL_COLORS["warning"] if low else TEXT)
    mean = view.mean_strain
    direction = "No mean strain" if mean is None else "Press" if mean < 0 else "Release"
    draw_text(canvas, direction, left, y + 100, weight=BOLD)
    if mean is not None:
        draw_text(canvas, f"{signed(100 * mean, 2)} %", right, y + 100, align="right", weight=BOLD)


def quality_color(quality: float) -> Color:
    """Red below 0.3, amber below 0.6, green from there: the colours of a console's quality bar."""
    return LEVEL_COLORS["alarm" if quality < 0.3 else "warning" if quality < 0.6 else "good"]


def draw_trace(canvas: Image, view: View, area: Area) -> None:
    """Mean strain of the last seconds in signed %; rejected pairs are gaps with an amber tick below."""
    x, y, width, height = area
    left, right, top, bottom = x + 46, x + width - 2, y + 26, y + height - 8
    cv2.rectangle(canvas, (left, top), (right, bottom), PANEL, -1)
    whose = "" if view.options.region is None else " of the node's region"
    title = f"Mean strain{whose} in %, last {TRACE_SECONDS:.0f} s:  – press,  + release"
    draw_text(canvas, title, left, y + 19, size=SMALL, weight=BOLD)
    draw_text(canvas, "rejected pair", right, y + 19, size=SMALL, color=MUTED, align="right")
    mark = right - text_width("rejected pair", SMALL) - 8
    cv2.line(canvas, (mark, y + 10), (mark, y + 18), LEVEL_COLORS["warning"], 2)
    values = [100 * point.mean_strain for point in view.trace if point.mean_strain is not None]
    largest = max(map(abs, values), default=0.0)
    limit = next((limit for limit in _TRACE_RANGES if limit >= largest), _TRACE_RANGES[-1])
    middle = (top + bottom) / 2
    for value in (limit, 0.0, -limit):
        line = middle - value / limit * (bottom - top - 12) / 2
        cv2.line(canvas, (left, round(line)), (right, round(line)), LINE, 1)
        draw_text(canvas, signed(value), left - 6, line + 5, size=SMALL, color=MUTED, align="right")
    run: list[tuple[float, float]] = []
    for point in view.trace:
        at = right - (view.trace_end - point.time) / TRACE_SECONDS * (right - left)
        if not left <= at <= right:
            continue
        if point.mean_strain is None:
            _draw_run(canvas, run)
            run = []
            cv2.line(canvas, (round(at), bottom - 6), (round(at), bottom - 1), LEVEL_COLORS["warning"], 2)
        else:
            share = min(max(100 * point.mean_strain / limit, -1.0), 1.0)
            run.append((at, middle - share * (bottom - top - 12) / 2))
    _draw_run(canvas, run)


def _draw_run(canvas: Image, run: list[tuple[float, float]]) -> None:
    if not run:
        return
    points = np.round(np.array(run) * 16).astype(np.int32)  # 4 fractional bits: a smooth line
    if len(run) == 1:
        cv2.circle(canvas, (round(run[0][0]), round(run[0][1])), 2, ACCENT, -1, cv2.LINE_AA)
    cv2.polylines(canvas, [points[:, None]], False, ACCENT, 2, cv2.LINE_AA, 4)


def draw_status(canvas: Image, view: View, area: Area) -> None:
    """One line: age, losses, rates, engine, latency, and what this display skipped or refused."""
    x, y, width, _ = area
    status, rates = view.status, view.rates
    said = [f"frame age {rates.frame_age * 1e3:.0f} ms" if rates.frame_age is not None else "frame age –"]
    if status is not None:
        said.append(f"lost {status.lost}")
        said.append(f"overwritten {status.overwritten}")
        if status.refused:
            said.append("refused " + ", ".join(f"{n} {reason}" for reason, n in status.refused.items()))
        said.append(f"{status.frame_rate:.1f} frames/s" if status.frame_rate is not None else "– frames/s")
    if rates.result_rate is not None:
        said.append(f"{rates.result_rate:.1f} results/s")
    if view.engine:
        said.append(f"engine {view.engine}")
    if status is not None and status.latency_p50 is not None and status.latency_p99 is not None:
        said.append(f"latency {status.latency_p50 * 1e3:.0f} / {status.latency_p99 * 1e3:.0f} ms")
    if view.skipped:
        said.append(f"display skipped {view.skipped}")
    if view.refused:
        said.append(f"display refused {view.refused}")
    line = "   |   ".join(said)
    draw_text(canvas, line, x + 14, y + 18, size=SMALL, max_width=width - 28)


def signed(value: float, digits: int | None = None) -> str:
    """A number with its sign and a true minus; 0 has none."""
    text = f"{abs(value):.{digits}f}" if digits is not None else f"{abs(value):g}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else "–") + text
