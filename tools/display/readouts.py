"""The numbers around the images: colour bar, quality, mean-strain trace, status line."""

from typing import Final

import cv2
import numpy as np

from tools.display import guidance
from tools.display.colors import (
    ACCENT,
    BAND,
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
from tools.display.keys import sets_fusion
from tools.display.panels import Area, ticks
from tools.display.strain_image import MIN_SNRE
from tools.display.text import BOLD, SMALL, draw_text, text_width
from tools.display.view import TRACE_SECONDS, View, ago
from tools.geometry import to_beam

_TRACE_RANGES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # %
_BAR_WIDTH: Final = 26
_HEADING: Final = 38  # px from the top: the title of a narrow image may end above the bar
_LEGEND: Final = 160  # px below the bar
GUIDANCE: Final = tuple(100 * edge for edge in guidance.BAND)  # % of mean strain per pair


def draw_scale(canvas: Image, view: View, area: Area) -> None:
    """The colour bar with its words and numbers, and what the other colours mean."""
    x, y, _, height = area
    top, bottom, left = y + _HEADING + 26, y + height - _LEGEND, x + 14
    middle = left + _BAR_WIDTH // 2
    colors = lookup_table(view.options.color_map)[::-1]
    bar = cv2.resize(colors, (_BAR_WIDTH, bottom - top), interpolation=cv2.INTER_LINEAR)
    canvas[top:bottom, left : left + _BAR_WIDTH] = bar
    cv2.rectangle(canvas, (left - 1, top - 1), (left + _BAR_WIDTH, bottom), LINE, 1)
    percent = view.options.value == "percent"
    heading = f"% of {source_of_percent(view)}" if percent else "relative strain"
    draw_text(canvas, heading, x + 4, y + _HEADING, size=SMALL, weight=BOLD)
    draw_text(canvas, "SOFT", middle, top - 8, weight=BOLD, align="center")
    draw_text(canvas, "HARD", middle, bottom + 19, weight=BOLD, align="center")
    for share, label in scale_labels(view):
        line = bottom - (bottom - top) * share
        cv2.line(canvas, (left + _BAR_WIDTH + 1, round(line)), (left + _BAR_WIDTH + 6, round(line)), MUTED, 1)
        draw_text(canvas, label, left + _BAR_WIDTH + 10, line + 5, size=SMALL)
    _draw_legend(canvas, view, left, bottom + 34)


def scale_labels(view: View) -> list[tuple[float, str]]:
    """Labels of the colour bar and where they stand: 0 at HARD, 1 at SOFT; the average is in the middle."""
    top = view.range_top
    if view.options.value == "percent":
        sign = view.strain.sign if view.strain is not None else 1.0
        return [(value / top, signed(value * sign)) for value in ticks(0.0, top, 8)]
    soft = [value for value in ticks(1.0, top, 4) if value > 1]
    labels = [(value / 2, f"{value:g}") for value in (0.0, 0.25, 0.5, 0.75)]
    return [*labels, (0.5, "1 average"), *((0.5 + (v - 1) / (top - 1) / 2, f"{v:g}") for v in soft)]


def _draw_legend(canvas: Image, view: View, left: int, y: int) -> None:
    swatch = (18, 12)
    for number, (label, fill) in enumerate((("opposite sign", OPPOSITE), ("no value", None))):
        line = y + number * 19
        box = canvas[line : line + swatch[1], left : left + swatch[0]]
        box[:] = hatch(*swatch) if fill is None else np.array(fill, np.uint8)
        draw_text(canvas, label, left + 25, line + 11, size=SMALL, color=MUTED)
    options = view.options
    parts = [f"map: {options.color_map}"]
    parts.append("range held, 1 s" if options.range_mode == "held" else "range fixed")
    parts.append(persistence_label(view))
    if options.layout == "overlay":
        parts.append(f"opacity {options.opacity * 100:.0f} %")
    if options.flip:
        parts.append("left-right flipped")
    for number, line_text in enumerate(parts):
        draw_text(canvas, line_text, left, y + 54 + number * 18, size=SMALL, color=MUTED)


def source_of_percent(view: View) -> str:
    """What signed strain in % is taken from: there is no fused image of it."""
    return "single pairs" if view.options.persistence else "one pair"


def persistence_label(view: View) -> str:
    """Persistence of the image that is shown: the node's fusion, or the display's own of single pairs."""
    if view.strain is not None and view.strain.time_constant is not None:
        return f"persistence {view.strain.time_constant:g} s"
    if sets_fusion(view) and view.fusion == 0:
        return "no persistence"
    return f"persistence {view.options.persistence:g} s" if view.options.persistence else "no persistence"


def draw_quality(canvas: Image, view: View, area: Area) -> None:
    """Quality bar of the image, predicted SNRe, match of the echoes and direction of the newest pair."""
    x, y, width, _ = area
    left, right = x + 14, x + width - 24
    grey = view.greyed
    plain = MUTED if grey else TEXT
    draw_text(canvas, "Image quality", left, y + 20, size=SMALL, weight=BOLD, color=plain)
    cv2.rectangle(canvas, (left, y + 27), (right, y + 41), PANEL, -1)
    quality = view.quality
    if quality is not None:
        age = view.ages.strain.seconds
        old = f", {ago(age)} old" if grey and age is not None else ""
        draw_text(canvas, f"{quality:.2f}{old}", right, y + 20, size=SMALL, align="right", color=plain)
        color = LINE if grey else quality_color(quality)
        cv2.rectangle(canvas, (left, y + 27), (left + round((right - left) * quality), y + 41), color, -1)
    cv2.rectangle(canvas, (left, y + 27), (right, y + 41), LINE, 1)
    snre, match = view.predicted_snre, view.echo_match
    low = snre is not None and snre < MIN_SNRE and not grey
    rows = (
        ("Predicted SNRe", "–" if snre is None else f"{snre:.1f}", LEVEL_COLORS["warning"] if low else plain),
        ("Echo match (NCC)", "–" if match is None else f"{match:.2f}", plain),
    )
    for number, (label, parts, color) in enumerate(rows):
        line = y + 60 + 20 * number
        draw_text(canvas, label, left, line, size=SMALL, color=MUTED)
        draw_text(canvas, parts, right, line, size=SMALL, align="right", color=color)
    mean = view.mean_strain
    direction = "No mean strain" if mean is None else "Press" if mean < 0 else "Release"
    draw_text(canvas, direction, left, y + 102, weight=BOLD, color=plain)
    if mean is not None:
        parts = f"{signed(100 * mean, 2)} %"
        draw_text(canvas, parts, right, y + 102, align="right", weight=BOLD, color=plain)


def quality_color(quality: float) -> Color:
    """Red below 0.3, amber below 0.6, green from there: the colours of a console's quality bar."""
    return LEVEL_COLORS["alarm" if quality < 0.3 else "warning" if quality < 0.6 else "good"]


def draw_trace(canvas: Image, view: View, area: Area) -> None:
    """Mean strain of the last seconds in signed %; rejected pairs are gaps with an amber tick below."""
    x, y, width, height = area
    left, right, top, bottom = x + 46, x + width - 2, y + 26, y + height - 8
    cv2.rectangle(canvas, (left, top), (right, bottom), PANEL, -1)
    whose = "" if view.options.region is None else " of the node's region"
    title = f"Mean strain{whose} in %, last {TRACE_SECONDS:.0f} s:  – press,  + release;  aim at the bands"
    draw_text(canvas, title, left, y + 19, size=SMALL, weight=BOLD)
    if view.guidance and view.frozen is None and not view.greyed:
        color = LEVEL_COLORS["warning"]
        draw_text(
            canvas, view.guidance, right - 130, y + 19, size=SMALL, weight=BOLD, color=color, align="right"
        )
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
    low, high = (middle - share / limit * (bottom - top - 12) / 2 for share in GUIDANCE)
    for band in ((high, low), (2 * middle - low, 2 * middle - high)):
        first, last = (round(min(max(edge, top), bottom)) for edge in band)
        canvas[first:last, left:right] = BAND
    run: list[tuple[float, float]] = []
    for point in view.trace:
        if point.after_gap:  # nothing came in between: a line would invent strain
            _draw_run(canvas, run)
            run = []
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
    """One line of the link as it is now: age, rates, losses; labelled while frozen."""
    x, y, width, _ = area
    parts = [f"link now: {view.banner.text}"] if view.frozen is not None else []
    parts += status_line(view)
    color = MUTED if view.ages.rates.grey else TEXT
    draw_text(canvas, "   |   ".join(parts), x + 14, y + 18, size=SMALL, max_width=width - 28, color=color)


def status_line(view: View) -> list[str]:
    """Age, rates and losses of the link, in words; everything else is in the notes."""
    if not view.address:  # images of a file: there is no link
        return [f"engine {view.engine}"]
    status, rates = view.status, view.rates
    parts = [f"newest frame {ago(rates.frame_age)} old" if rates.frame_age is not None else "no frame yet"]
    old = view.ages.rates.seconds
    if view.ages.rates.grey and old is not None:
        parts.append(f"last status {ago(old)} ago")
    if status is not None:
        parts.append(f"{status.frame_rate:.1f} frames/s" if status.frame_rate is not None else "– frames/s")
    if rates.result_rate is not None:
        parts.append(f"{rates.result_rate:.1f} results/s")
    if status is not None:
        parts.append(f"lost {status.lost}")
        if status.refused:
            parts.append(f"refused {sum(status.refused.values())}")
    if view.engine:
        parts.append(f"engine {view.engine}")
    if view.seconds_kept is not None:
        parts.append(f"{ago(view.seconds_kept)} in memory, g: save")
    parts.append("o: notes")
    return parts


def notes(view: View) -> list[str]:
    """Everything that has no room in the window: assumed values, counters, delays."""
    parts = [f"Assumed: {line}" for line in view.assumed] or ["No value of the acquisition was assumed."]
    if view.strain is not None and not view.strain.grid.mark:
        parts.append("Probe mark: not stated by the scanner; the ring is above the first line.")
    status = view.status
    if status is not None:
        refused = ", ".join(f"{n} {reason}" for reason, n in status.refused.items()) or "none"
        parts.append(
            f"Frames: received {status.received}, lost on the link {status.lost}, refused {refused}, "
            f"skipped to stay current {status.overwritten}"
        )
        if status.latency_p50 is not None and status.latency_p99 is not None:
            half, most = status.latency_p50 * 1e3, status.latency_p99 * 1e3
            parts.append(
                f"Delay from frame to strain: {half:.0f} ms in half of all, below {most:.0f} ms in 99 %"
            )
        if status.engine_note:
            parts.append(f"Engine: {status.engine_note}")
        parts += [f"Node: {reason}" for reason in status.reasons]
    parts.append(f"This display skipped {view.skipped} messages and refused {view.refused}.")
    return parts


def pointer_text(view: View) -> str:
    """Value, its deviation and position under the pointer; empty where there is none."""
    if view.pointer is None:
        return ""
    x, z = view.pointer
    place = f"{signed(x, 1)} mm across, {z:.1f} mm deep"
    image = view.strain
    if image is None:
        return place
    depth, lateral = to_beam(image.grid, x, z)
    row = round((depth - image.grid.axial_start) / image.grid.axial_step)
    column = round((lateral - image.grid.lateral_start) / image.grid.lateral_step)
    if not (0 <= row < image.normalised.shape[0] and 0 <= column < image.normalised.shape[1]):
        return f"{place}: outside the strain image"
    if view.options.value == "percent":
        value = image.percent[row, column] * image.sign
        if not np.isfinite(value):
            return f"{place}: no value"
        return f"{place}: {signed(value, 2)} % of {source_of_percent(view)}"
    value, std = image.normalised[row, column], image.std[row, column]
    return f"{place}: " + (f"{value:.2f} ± {std:.2f}" if np.isfinite(value) else "no value")


def signed(value: float, digits: int | None = None) -> str:
    """A number with its sign and a true minus; 0 has none."""
    text = f"{abs(value):.{digits}f}" if digits is not None else f"{abs(value):g}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else "–") + text
