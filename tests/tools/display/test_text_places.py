"""No text of the window stands on another one, whatever the shape of image and window."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.headers import Grid
from tests.tools.display.display_messages import (
    STRAIN_GRID,
    bmode_message,
    received,
    status_message,
    strain_message,
)
from tools.display import panels, readouts
from tools.display import render as render_module
from tools.display.config import Layout, Value
from tools.display.options import LAYOUTS, VALUES, DisplayOptions
from tools.display.render import render
from tools.display.state import DisplayState
from tools.display.text import NORMAL, REGULAR, draw_text, text_width
from tools.display.view import View

ASCENT = 0.7  # of a text's size above its baseline
Box = tuple[str, float, float, float, float]
"""Words, left, top, right, bottom."""


def boxes_of(monkeypatch: pytest.MonkeyPatch, view: View, size: tuple[int, int]) -> list[Box]:
    """Every text that render draws, and its place."""
    boxes: list[Box] = []

    def note(image: NDArray[np.uint8], words: str, x: float, y: float, **fields: Any) -> int:
        width = draw_text(image, words, x, y, **fields)
        height = ASCENT * fields.get("size", NORMAL)
        left = x - width * {"left": 0.0, "center": 0.5, "right": 1.0}[fields.get("align", "left")]
        if words:
            boxes.append((words, left, y - height, left + width, y))
        return width

    with monkeypatch.context() as patch:
        for module in (panels, readouts, render_module):
            patch.setattr(module, "draw_text", note)
        render(view, size)
    return boxes


def on_each_other(boxes: list[Box]) -> list[tuple[str, str]]:
    return [
        (one[0], other[0])
        for one, other in combinations(boxes, 2)
        if one[1] < other[3] and other[1] < one[3] and one[2] < other[4] and other[2] < one[4]
    ]


def view_of(grid: Grid, options: DisplayOptions, *, bmode: bool) -> View:
    state = DisplayState(options, address="tcp://127.0.0.1:5561", now=0.0)
    messages = [status_message(), *[bmode_message()] * bmode, strain_message(grid=grid)]
    for message in messages:
        state.update(received(message), 1.0)
    view = state.view(1.0)
    assert view.strain is not None
    return replace(view, strain=replace(view.strain, pairs=18.0))


@pytest.mark.parametrize("size", [(960, 600), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("narrower", [0.5, 1, 1.5, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", VALUES)
def test_no_text_stands_on_another(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], narrower: float, layout: Layout, value: Value
) -> None:
    step = STRAIN_GRID.lateral_step / narrower
    grid = STRAIN_GRID.model_copy(
        update={"lateral_step": step, "lateral_start": STRAIN_GRID.lateral_start / narrower}
    )
    view = view_of(grid, DisplayOptions(layout=layout, value=value), bmode=narrower <= 1)
    assert on_each_other(boxes_of(monkeypatch, view, size)) == []


def test_the_check_notices_two_texts_on_each_other() -> None:
    width = text_width("relative strain", NORMAL, REGULAR)
    boxes = [("a", 0.0, 0.0, float(width), 10.0), ("b", 50.0, 5.0, 60.0, 15.0), ("c", 50.0, 16.0, 60.0, 20.0)]
    assert on_each_other(boxes) == [("a", "b")]
