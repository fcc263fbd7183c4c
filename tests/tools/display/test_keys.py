"""The effect of each key on the options."""

from dataclasses import replace

import pytest

from streamer.errors import ConfigError
from tests.tools.display.display_messages import received, strain_message
from tools.display.keys import HELP, image_box, press
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState

BOX = (0.0, 40.0, -20.0, 20.0)
START = DisplayOptions()


@pytest.mark.parametrize(
    ("keys", "field", "values"),
    [
        ("mm", "layout", ["overlay", "side-by-side"]),
        ("vv", "value", ["percent", "normalised"]),
        ("cccc", "color_map", ["reversed", "perceptual", "grey", "clinical"]),
        ("+=+++-", "opacity", [0.7, 0.8, 0.9, 1.0, 1.0, 0.9]),
        ("]]][[[[", "persistence", [0.25, 0.5, 1.0, 0.5, 0.25, 0.0, 0.0]),
        ("2211", "bmode_gain", [3.0, 6.0, 3.0, 0.0]),
        ("4433", "bmode_range", [60.0, 70.0, 60.0, 50.0]),
        ("xx", "flip", [True, False]),
        ("oh\x1b", "show_notes", [True, False, False]),
        ("h\x1b", "show_help", [True, False]),
        ("<,.>>>>>", "range_max", [2.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 6.0]),
        ("aa", "range_mode", ["held", "fixed"]),
        ("bb", "show_region", [False, True]),
        ("h?", "show_help", [True, False]),
        ("rr", "region", [(10.0, 30.0, -10.0, 10.0), None]),
        ("x#", "layout", ["side-by-side", "side-by-side"]),
    ],
)
def test_keys_change_one_option_in_steps(keys: str, field: str, values: list[object]) -> None:
    options, seen = START, []
    for key in keys:
        options = press(key, options, BOX)
        seen.append(getattr(options, field))
    assert seen == values


@pytest.mark.parametrize(
    ("key", "region"),
    [
        ("i", (8.0, 28.0, -10.0, 10.0)),
        ("k", (12.0, 32.0, -10.0, 10.0)),
        ("j", (10.0, 30.0, -12.0, 8.0)),
        ("l", (10.0, 30.0, -8.0, 12.0)),
        ("w", (10.0, 30.0, -12.0, 12.0)),
        ("n", (10.0, 30.0, -8.0, 8.0)),
        ("d", (10.0, 32.0, -10.0, 10.0)),
        ("u", (10.0, 28.0, -10.0, 10.0)),
    ],
)
def test_the_region_moves_and_changes_its_size_by_a_twentieth_of_the_image(
    key: str, region: tuple[float, ...]
) -> None:
    options = press("r", START, BOX)
    assert press(key, options, BOX).region == pytest.approx(region)


@pytest.mark.parametrize("key", list("ikjlwndu"))
def test_the_region_stays_inside_the_image_and_never_vanishes(key: str) -> None:
    options = press("r", START, BOX)
    for _ in range(60):
        options = press(key, options, BOX)
    assert options.region is not None
    top, bottom, left, right = options.region
    assert 0 <= top < bottom <= 40
    assert -20 <= left < right <= 20
    assert bottom - top >= 3.99
    assert right - left >= 3.99


def test_region_keys_do_nothing_without_an_image_or_without_an_own_region() -> None:
    assert press("r", START, None) == START
    assert press("i", START, BOX) == START


def test_the_image_box_is_the_strain_maps_extent_in_mm() -> None:
    state = DisplayState(START, address="x", now=0.0)
    assert image_box(state.view(0.0)) is None
    state.update(received(strain_message()), 0.1)
    box = image_box(state.view(0.1))
    assert box == pytest.approx((0.924, 38.924, -19.15, 19.15), abs=0.01)


def test_every_key_of_the_help_does_something_or_belongs_to_the_loop() -> None:
    inside = press("r", START, BOX)
    for keys, _ in HELP:
        for key in keys.replace("–", "-").replace("Esc", "\x1b").split():
            shown = replace(inside, show_help=key == "\x1b", persistence=0.5, bmode_gain=3.0)
            others = ("f", "s", "q", "g", "space", "mouse", "F11")
            assert key in others or press(key, shown, BOX) != shown, key


@pytest.mark.parametrize(
    ("field", "value"),
    [("opacity", 1.5), ("persistence", -1.0), ("range_max", 0.0), ("region", (5.0, 4.0, 0.0, 1.0))],
)
def test_impossible_options_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        DisplayOptions(**{field: value})  # type: ignore[arg-type]
