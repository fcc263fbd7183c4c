"""The text of the window: every word is there, none is cut, and none stands on another."""

import re
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.headers import Grid
from tests.tools.display.display_messages import (
    STRAIN_GRID,
    bmode_message,
    phantom,
    received,
    status_message,
    strain_message,
)
from tests.tools.display.views import live, view_of
from tools.display import panels, readouts
from tools.display import render as render_module
from tools.display.config import Layout, Value
from tools.display.options import LAYOUTS, VALUES, DisplayOptions
from tools.display.render import DISCLAIMER, SIZE, render
from tools.display.state import DisplayState
from tools.display.text import NORMAL, REGULAR, draw_text, text_width, wrap
from tools.display.view import View

ASCENT = 0.7  # of a text's size above its baseline


class Drawn(NamedTuple):
    """A text and its place in the window."""

    words: str
    left: float
    top: float
    right: float
    bottom: float


def drawn_texts(monkeypatch: pytest.MonkeyPatch, view: View, size: tuple[int, int]) -> list[Drawn]:
    """Every text that render draws, in order; one that is cut ends in "(cut)"."""
    texts: list[Drawn] = []

    def note(image: NDArray[np.uint8], words: str, x: float, y: float, **fields: Any) -> int:
        width = draw_text(image, words, x, y, **fields)
        looks = {name: value for name, value in fields.items() if name in ("size", "weight")}
        cut = " (cut)" if width < text_width(words, **looks) else ""
        left = x - width * {"left": 0.0, "center": 0.5, "right": 1.0}[fields.get("align", "left")]
        texts.append(Drawn(words + cut, left, y - ASCENT * fields.get("size", NORMAL), left + width, y))
        return width

    with monkeypatch.context() as patch:
        for module in (panels, readouts, render_module):
            patch.setattr(module, "draw_text", note)
        render(view, size)
    return texts


def texts_of(monkeypatch: pytest.MonkeyPatch, view: View, size: tuple[int, int] = SIZE) -> str:
    """The words of every text, a line each."""
    return "\n".join(text.words for text in drawn_texts(monkeypatch, view, size))


def on_each_other(texts: list[Drawn]) -> list[tuple[str, str]]:
    return [
        (one.words, other.words)
        for one, other in combinations([text for text in texts if text.words], 2)
        if one.left < other.right and other.left < one.right
        if one.top < other.bottom and other.top < one.bottom
    ]


def fused(view: View) -> View:
    """The view with an image of 18 pairs."""
    assert view.strain is not None
    return replace(view, strain=replace(view.strain, pairs=18.0))


def test_every_needed_word_is_on_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = texts_of(monkeypatch, live(phantom(), -0.005))
    for words in (
        "SOFT", "HARD", "1 average", "opposite sign", "no value", "range fixed", "no persistence",
        "map: clinical", "Image quality", "Echo match",
        "mm", "mm across", "Press", "–0.50 %", "1.00", "newest frame", "lost 3", "25.0 frames/s",
        "engine reference (float32)", "assumed values of the acquisition: 1, key o", "LIVE", DISCLAIMER,
    ):  # fmt: skip
        assert words in drawn, words
    options = DisplayOptions(value="percent", persistence=0.3, range_mode="held")
    drawn = texts_of(monkeypatch, live(phantom(0.005), 0.005, options))
    for words in ("+0.2", "% of single pairs", "Release", "+0.50 %", "persistence 0.3 s", "range held, 1 s"):
        assert words in drawn, words


@pytest.mark.parametrize("width", [960, 1024, 1280])
@pytest.mark.parametrize("narrower", [1, 2])
def test_no_text_is_cut_in_a_narrow_window_or_over_a_narrow_image(
    monkeypatch: pytest.MonkeyPatch, width: int, narrower: int
) -> None:
    grid = STRAIN_GRID.model_copy(update={"lateral_step": STRAIN_GRID.lateral_step / narrower})
    view = fused(view_of(status_message(), strain_message(grid=grid)))
    drawn = texts_of(monkeypatch, view, (width, 600))
    assert "18 pairs fused" in drawn
    assert "(cut)" not in drawn


def test_every_assumed_value_is_read_whole_in_the_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    assumed = tuple(
        f"value {n}: assumed, because no line of the file states it, nor any option" for n in range(6)
    )
    state = DisplayState(DisplayOptions(show_notes=True), address="tcp://127.0.0.1:5561", now=0.0)
    state.update(received(status_message(), strain_message(assumed=assumed)), 500.0)
    drawn = texts_of(monkeypatch, state.view(500.0), (960, 600))
    for line in assumed:
        assert line in drawn.replace("\n", " ")
    assert "(cut)" not in drawn


def test_ages_are_read_in_seconds_and_no_engineers_word_stands_in_the_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = DisplayState(DisplayOptions(), address="tcp://127.0.0.1:5561", now=0.0)
    state.update(received(status_message(), bmode_message(), strain_message()), 500.0)
    for now, age in ((500.0, "0.0 s"), (533.3, "33 s"), (800.0, "5 min 0 s")):
        drawn = texts_of(monkeypatch, state.view(now, skipped=26))
        assert age in drawn
        assert not re.search(r"\d ms\b|latency|overwritten|skipped", drawn)


def test_beams_that_diverge_far_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    curved = Grid(
        axial_start=5e-3, axial_step=1e-4, lateral_start=-0.5, lateral_step=1.0 / 127, probe_type="curved",
        probe_radius=0.06,
    )  # fmt: skip
    drawn = texts_of(monkeypatch, view_of(strain_message(grid=curved)))
    assert "oblique beams" in drawn
    assert "mm across" in drawn
    assert "oblique beams" not in texts_of(monkeypatch, live(phantom(), -0.005))


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
    messages = [status_message(), *[bmode_message()] * (narrower <= 1), strain_message(grid=grid)]
    view = fused(view_of(*messages, options=DisplayOptions(layout=layout, value=value)))
    assert on_each_other(drawn_texts(monkeypatch, view, size)) == []


@pytest.mark.parametrize("state", ["held", "stale", "rejected", "frozen"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_caption_stands_on_another_text(
    monkeypatch: pytest.MonkeyPatch, layout: Layout, state: str
) -> None:
    shown = DisplayState(DisplayOptions(layout=layout), address="tcp://127.0.0.1:5561", now=0.0)
    shown.update(received(status_message(), strain_message()), 1.0)
    if state == "rejected":
        for step in range(1, 29):
            message = strain_message(rejection="decorrelated", post_index=1 + step)
            shown.update(received(status_message(), message), 1.0 + 0.04 * step)
    if state == "frozen":
        shown.toggle_freeze(1.1)
    view = shown.view({"held": 1.5, "stale": 9.0, "rejected": 2.2, "frozen": 1.2}[state])
    assert on_each_other(drawn_texts(monkeypatch, view, (960, 600))) == []


def test_the_check_notices_two_texts_on_each_other() -> None:
    width = text_width("relative strain", NORMAL, REGULAR)
    texts = [
        Drawn("a", 0.0, 0.0, float(width), 10.0),
        Drawn("b", 50.0, 5.0, 60.0, 15.0),
        Drawn("c", 50.0, 16.0, 60.0, 20.0),
    ]
    assert on_each_other(texts) == [("a", "b")]


def test_long_text_is_wrapped_at_its_width() -> None:
    lines = wrap("frames do not match: out-of-plane or fast motion", 150)
    assert len(lines) > 1
    assert all(text_width(line) <= 150 for line in lines)
