"""Readable text on an image: OpenCV's built-in TrueType face, with alignment and a width limit."""

from functools import cache
from typing import Literal, Protocol

import cv2

from streamer.headers import StatusHeader
from tools.display.colors import TEXT, Color, Image

SMALL, NORMAL, LARGE = 13, 15, 26
REGULAR, BOLD = 400, 700


@cache
def _face() -> cv2.FontFace:
    return cv2.FontFace("sans")  # comes inside OpenCV: the same letters on every system


def text_width(text: str, size: int = NORMAL, weight: int = REGULAR) -> int:
    """Width in pixels."""
    return int(cv2.getTextSize((0, 0), text, (0, 0), _face(), size, weight)[2])


def draw_text(
    image: Image,
    text: str,
    x: float,
    y: float,
    *,
    size: int = NORMAL,
    color: Color = TEXT,
    weight: int = REGULAR,
    align: Literal["left", "center", "right"] = "left",
    max_width: float | None = None,
) -> int:
    """Draw one line with its baseline at `y`; `x` is its left end, middle or right end. Returns its width.

    Longer than `max_width` pixels, it is cut and ends in '…'.
    """
    width = text_width(text, size, weight)
    if max_width is not None and width > max_width:
        low, high = 0, len(text)
        while low < high:  # the longest beginning that fits
            middle = (low + high + 1) // 2
            fits = text_width(text[:middle].rstrip() + "…", size, weight) <= max_width
            low, high = (middle, high) if fits else (low, middle - 1)
        text = text[:low].rstrip() + "…"
        width = text_width(text, size, weight)
    if align != "left":
        x -= width if align == "right" else width / 2
    cv2.putText(image, text, (round(x), round(y)), color, _face(), size, weight)
    return width


def wrap(text: str, max_width: float, size: int = NORMAL, weight: int = REGULAR) -> list[str]:
    """The text in lines of at most `max_width` pixels, broken at spaces."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size, weight) > max_width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


class Computed(Protocol):
    """What states its engine."""

    @property
    def engine(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def device(self) -> str: ...


def engine_text(newest: Computed | None, status: StatusHeader | None = None) -> str:
    """Engine, precision and device of the newest result, or of the status before there is one."""
    source = newest or status
    if source is None:
        return ""
    details = ", ".join(filter(None, (source.precision, source.device)))
    return f"{source.engine} ({details})" if details else source.engine
