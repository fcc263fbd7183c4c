"""The probe's orientation mark: from the frame's header to window, page, figure and file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from streamer.geometry import bmode_grid
from streamer.headers import Mark
from tests.echo_frames import rf_header
from tests.tools.display.display_messages import STRAIN_GRID, fused_message, received, strain_message
from tests.tools.measure.test_measure import image
from tools.display.colors import ACCENT
from tools.display.options import DisplayOptions
from tools.display.panels import frames_of
from tools.display.png import facts_of
from tools.display.render import SIZE, image_area, render
from tools.display.state import DisplayState
from tools.display.view import View
from tools.export.figure import write_figure
from tools.web.messages import Geometry


@pytest.mark.parametrize(
    ("orientation", "mark"),
    [("MF", "last"), ("FM", "last"), ("MFA", "last"), ("UF", "first"), ("fu", "first"), ("UN", "first"),
     ("", ""), ("Moon", ""), ("left", "")],
)  # fmt: skip
def test_the_mark_follows_the_lines_as_plus_counts_them(orientation: str, mark: Mark) -> None:
    header = rf_header(0, orientation=orientation)
    assert bmode_grid(header, (100, header.shape[1])).mark == mark


def shown(mark: Mark, *, flip: bool) -> View:
    state = DisplayState(DisplayOptions(flip=flip), address="tcp://127.0.0.1:9", now=0.0)
    grid = STRAIN_GRID.model_copy(update={"mark": mark})
    state.update(received(strain_message(grid=grid), fused_message(grid=grid)), 0.0)
    return state.view(0.0)


def dots(view: View) -> list[tuple[bool, bool]]:
    """Whether there is a dot above the left and the right end of each image, and whether it is filled."""
    canvas = render(view)
    found = []
    for frame in frames_of(view, image_area(*SIZE)):
        for column in (frame.x + 5, frame.x + frame.width - 6):
            above = canvas[frame.y - 10 : frame.y, column - 5 : column + 6].astype(int) - ACCENT
            lit = np.all(abs(above) < 90, axis=-1, keepdims=True)[..., 0]
            found.append((bool(lit.any()), bool(lit[5, 5])))
    return found


@pytest.mark.parametrize(
    ("mark", "flip", "right"),
    [("first", False, False), ("last", False, True), ("first", True, True), ("last", True, False)],
)
def test_window_and_page_show_the_mark_at_its_side(mark: Mark, flip: bool, right: bool) -> None:
    left_end, right_end = (True, True), (False, False)
    view = shown(mark, flip=flip)
    assert dots(view)[:2] == ([right_end, left_end] if right else [left_end, right_end])
    assert facts_of(view)["Settings"]["probe_mark"] == mark
    grid = STRAIN_GRID.model_copy(update={"mark": mark})
    fields = Geometry((grid, (250, 128)), None, flip).fields()
    assert (fields["mark"], fields["mark_at_right"]) == (mark, right)


def test_a_mark_that_is_not_stated_is_a_ring_above_the_first_line() -> None:
    assert dots(shown("", flip=False))[:2] == [(True, False), (False, False)]
    assert dots(shown("", flip=True))[:2] == [(False, False), (True, False)]


@pytest.mark.parametrize("mark", ["", "first", "last"])
def test_a_figures_mark_lies_below_its_titles(
    mark: Mark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    save = Figure.savefig

    def saved(self: Figure, *given: Any, **named: Any) -> None:
        figures.append(self)
        save(self, *given, **named)

    monkeypatch.setattr(Figure, "savefig", saved)
    frame = image()
    narrow = frame.grid.model_copy(update={"mark": mark, "lateral_step": frame.grid.lateral_step / 3})
    write_figure(replace(frame, grid=narrow), tmp_path / "a.svg", DisplayOptions())
    title = figures[0].axes[0].title.get_window_extent()
    (dot,) = (line for line in figures[0].axes[0].lines if line.get_marker() == "o")
    assert title.x0 < dot.get_window_extent().x0 < title.x1  # else this shows nothing
    assert dot.get_window_extent().y1 < title.y0


def test_a_figure_shows_the_mark_and_regions_keep_their_place(tmp_path: Path) -> None:
    frame = image()
    marked = replace(frame, grid=frame.grid.model_copy(update={"mark": "last"}))
    np.testing.assert_array_equal(frame.relative_strain, marked.relative_strain)
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for each, path in zip((frame, marked), paths, strict=True):
        write_figure(each, path, DisplayOptions())
    assert paths[0].read_bytes() != paths[1].read_bytes()  # nothing but the mark differs
