"""The image itself, looked at pixel by pixel: no window, no socket."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.headers import Grid
from streamer.wire import Message
from tests.tools.display.display_messages import (
    STRAIN_GRID,
    bmode_message,
    phantom,
    received,
    status_message,
    strain_message,
)
from tests.tools.display.views import SURE, live, view_of
from tools.display import panels
from tools.display.colors import MIDDLE, OPPOSITE, colorize, grey_levels, hatch, lookup_table
from tools.display.config import ColorMap, Layout
from tools.display.options import COLOR_MAPS, LAYOUTS, DisplayOptions
from tools.display.panels import strain_layer, ticks
from tools.display.render import DISCLAIMER, MIN_SIZE, SIZE, image_area, render, scale_place
from tools.display.state import DisplayState
from tools.display.text import text_width
from tools.display.view import View
from tools.display.window import drawing_size
from tools.geometry import Frame, extent_of, fit, resample_image, resample_values


def frame_of(view: View, size: int = 400) -> Frame:
    assert view.strain is not None
    return fit(extent_of([(view.strain.grid, view.strain.normalised.shape)]), 0, 0, size, size)


def distance_to_map(colors: NDArray[np.uint8], name: ColorMap) -> NDArray[np.float64]:
    """Distance in CIE Lab from each colour to the nearest one of a map."""

    def lab(bgr: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.asarray(
            cv2.cvtColor((bgr.reshape(1, -1, 3) / 255).astype(np.float32), cv2.COLOR_BGR2LAB)[0]
        )

    table = lab(lookup_table(name))
    return np.array([np.linalg.norm(table - color, axis=1).min() for color in lab(colors)])


@pytest.mark.parametrize("value", ["normalised", "percent"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_press_and_release_draw_the_same_image(value: str, layout: str) -> None:
    options = DisplayOptions(value=value, layout=layout)  # type: ignore[arg-type]
    press, release = live(phantom(-0.005), -0.005, options), live(phantom(0.005), 0.005, options)
    draw = panels._overlay if layout == "overlay" else panels._strain
    first, second = (draw(view, frame_of(view)).astype(float) for view in (press, release))
    assert np.abs(first - second).mean() < 0.02 * 255
    assert np.abs(render(press)[38:554, :1142].astype(float) - render(release)[38:554, :1142]).mean() < 0.5
    other = live(phantom(0.005) - np.float32(0.002), 0.003, options)  # negative control: other contrast
    assert np.abs(first - draw(other, frame_of(other))).mean() > 0.02 * 255


@pytest.mark.parametrize("name", COLOR_MAPS)
def test_the_colour_of_opposite_sign_is_in_no_map(name: ColorMap) -> None:
    assert distance_to_map(np.array([OPPOSITE], np.uint8), name) > 25
    hard = lookup_table(name)[0]  # negative control: the map's own colours are found in it
    assert distance_to_map(hard, name) < 1


@pytest.mark.parametrize("name", COLOR_MAPS)
@pytest.mark.parametrize("mean", [-0.005, 0.005])
def test_opposite_pixels_never_look_hard_nor_does_their_rim(name: ColorMap, mean: float) -> None:
    strain = np.full((250, 128), mean, np.float32)
    strain[100:150, 40:80] = -mean  # as strong, the other way round
    view = live(strain, mean, DisplayOptions(color_map=name))
    colors, weight = strain_layer(view, view.strain, frame_of(view))  # type: ignore[arg-type]
    assert (weight > 0.99).all()
    found = {tuple(map(int, color)) for color in colors.reshape(-1, 3)}
    assert OPPOSITE in found
    average = tuple(map(int, lookup_table(name)[MIDDLE, 0]))
    assert found == {OPPOSITE, average}  # nothing in between: linear interpolation would draw a HARD rim


def test_harder_and_softer_go_to_the_labelled_ends_of_the_colour_bar() -> None:
    strain = np.full((250, 128), -0.01, np.float32)
    strain[:60], strain[190:] = -0.0002, -0.03
    view = live(strain, -0.01, DisplayOptions(range_mode="fixed"))
    colors, _ = strain_layer(view, view.strain, frame_of(view))  # type: ignore[arg-type]
    hard, soft = colors[30, 200].astype(int), colors[-30, 200].astype(int)
    assert hard[0] > hard[2] + 80  # clinical: blue is hard
    assert soft[2] > soft[0] + 80  # red is soft


def test_no_value_has_no_colour_in_either_layout() -> None:
    strain = phantom()
    strain[100:200, :60] = np.nan
    for layout in LAYOUTS:
        view = live(strain, -0.005, DisplayOptions(layout=layout))
        frame = frame_of(view)
        draw = panels._overlay if layout == "overlay" else panels._strain
        image = draw(view, frame).astype(int)
        hole = (slice(frame.height * 44 // 100, frame.height * 76 // 100), slice(0, frame.width * 44 // 100))
        spread = image.max(axis=2) - image.min(axis=2)
        assert (spread[hole] == 0).all(), layout
        assert spread[: frame.height * 36 // 100].mean() > 20, layout  # negative control: elsewhere colour
    ground = hatch(frame.width, frame.height)
    view = live(strain, -0.005)
    np.testing.assert_array_equal(panels._strain(view, frame)[hole], ground[hole])


def test_uncertain_pixels_fade_towards_the_ground() -> None:
    std = np.full((250, 128), SURE, np.float32)
    std[125:] = 0.0025  # half the mean: confidence one half
    view = view_of(strain_message(np.full((250, 128), -0.005, np.float32), std=std))
    frame = frame_of(view)
    image, ground = panels._strain(view, frame).astype(int), hatch(frame.width, frame.height).astype(int)
    color = lookup_table("clinical")[MIDDLE, 0].astype(int)
    np.testing.assert_allclose(image[50, 200], color, atol=2)
    np.testing.assert_allclose(image[-50, 200], (color + ground[-50, 200]) / 2, atol=3)


def test_opacity_moves_the_overlay_from_bmode_to_strain() -> None:
    strain = phantom()
    frame = frame_of(live(strain, -0.005))
    images = [
        panels._overlay(live(strain, -0.005, DisplayOptions(layout="overlay", opacity=opacity)), frame)
        for opacity in (0.0, 1.0)
    ]
    bmode = panels._bmode(live(strain, -0.005), frame)
    np.testing.assert_array_equal(images[0], bmode)
    colors, weight = strain_layer(live(strain, -0.005), live(strain, -0.005).strain, frame)  # type: ignore[arg-type]
    np.testing.assert_array_equal(images[1][weight > 0.999], colors[weight > 0.999])


@pytest.mark.parametrize(("rows", "cols"), [(500, 128), (64, 256), (2000, 64)])
def test_a_circle_in_the_body_is_a_circle_on_the_screen_whatever_the_array_shape(
    rows: int, cols: int
) -> None:
    grid = Grid(
        axial_start=0.0,
        axial_step=40e-3 / rows,
        lateral_start=-15e-3,
        lateral_step=30e-3 / cols,
        probe_type="linear",
    )
    depth = (np.arange(rows) * grid.axial_step)[:, None]
    across = (np.arange(cols) * grid.lateral_step + grid.lateral_start)[None, :]
    circle = (depth - 20e-3) ** 2 + across**2 < 8e-3**2
    frame = fit(extent_of([(grid, circle.shape)]), 0, 0, 500, 460)
    drawn = resample_image((circle * 255).astype(np.uint8), grid, frame) > 127
    height, width = drawn.any(axis=1).sum(), drawn.any(axis=0).sum()
    assert height == pytest.approx(16 * frame.scale, rel=0.04)
    assert width == pytest.approx(16 * frame.scale, rel=0.04)
    middle = np.argwhere(drawn).mean(axis=0)
    assert middle[0] == pytest.approx(frame.row(20.0), abs=1.5)
    assert middle[1] == pytest.approx(frame.column(0.0), abs=1.5)


def test_bmode_and_strain_of_other_grids_lie_on_each_other() -> None:
    fine = Grid(
        axial_start=2e-3, axial_step=1e-4, lateral_start=-9.9e-3, lateral_step=2e-4, probe_type="linear"
    )
    strain = np.ones((30, 10), np.float32)
    coarse = Grid(
        axial_start=2.5e-3, axial_step=1e-3, lateral_start=-9e-3, lateral_step=2e-3, probe_type="linear"
    )
    strain[14:16] = -1  # 16 to 18 mm deep with its cells' halves
    image = np.zeros((300, 100), np.uint8)
    image[140:160] = 255  # the same
    extent = extent_of([(fine, image.shape), (coarse, strain.shape)])
    frame = fit(extent, 0, 0, 400, 600)
    values, _, opposite = resample_values(strain, np.ones_like(strain), strain < 0, coarse, frame)
    np.testing.assert_array_equal(opposite, values < 0)
    light = resample_image(image, fine, frame) > 127
    np.testing.assert_allclose(
        np.flatnonzero((values < 0).any(axis=1))[[0, -1]],
        np.flatnonzero(light.any(axis=1))[[0, -1]],
        atol=1.5,
    )


def test_both_images_have_one_scale_and_stand_at_one_height(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = []
    monkeypatch.setattr(panels, "_draw_axes", lambda canvas, frame: frames.append(frame))
    render(live(phantom(), -0.005))
    assert len(frames) == 2
    left, right = frames
    assert (left.scale, left.y, left.width, left.height) == (right.scale, right.y, right.width, right.height)
    assert left.width / left.height == pytest.approx(left.extent.width_mm / left.extent.height_mm, rel=0.01)
    assert left.x + left.width < right.x


def test_a_rejected_pair_leaves_no_colour_but_the_image_and_its_reason() -> None:
    state = DisplayState(DisplayOptions(), address="x", now=0.0)
    state.update(received(status_message(), bmode_message(), strain_message(std=SURE)), 1.0)
    good = state.view(1.0)
    for step in range(1, 29):
        state.update(received(status_message(), strain_message(rejection="sliding")), 1.0 + 0.04 * step)
    bad = state.view(2.12)
    frame = frame_of(good)
    color, grey = panels._strain(good, frame).astype(int), panels._strain(bad, frame).astype(int)
    assert (grey.max(axis=2) == grey.min(axis=2)).all()
    assert (color.max(axis=2) - color.min(axis=2)).mean() > 60
    inside, outside = grey[180:200, 220:240].mean(), grey[300:320, 50:70].mean()
    assert inside < outside - 10  # the inclusion is still seen
    assert (render(good) != render(bad)).any()


@pytest.mark.parametrize("name", COLOR_MAPS)
@pytest.mark.parametrize("top", [1.1, 1.5, 2.5, 6.0])
def test_the_average_has_one_colour_at_every_range_and_the_ends_are_the_ends(
    name: ColorMap, top: float
) -> None:
    values = np.array([[-0.5, 0.0, 1.0, top, 9.0]], np.float32)
    table = lookup_table(name)[:, 0]
    shown = colorize(values, top, name)
    np.testing.assert_array_equal(shown[0], table[[0, 0, MIDDLE, 255, 255]])


def test_only_what_is_surely_negative_has_the_colour_of_opposite_sign() -> None:
    strain = np.full((250, 128), -0.005, np.float32)
    strain[50:100], strain[150:200] = 0.0005, 0.005
    std = np.full(strain.shape, 0.0005, np.float32)
    view = view_of(strain_message(strain, std=std))
    assert view.strain is not None
    frame = frame_of(view)
    colors, weight = strain_layer(view, view.strain, frame)
    noise, opposite = colors[round(frame.height * 0.3), 50], colors[round(frame.height * 0.7), 50]
    np.testing.assert_array_equal(noise, lookup_table("clinical")[0, 0])
    np.testing.assert_array_equal(opposite, OPPOSITE)
    assert weight[round(frame.height * 0.3), 50] == pytest.approx(0.5 / (1 + 0.2**2), rel=1e-3)


def test_the_median_of_a_bmode_is_as_grey_as_tissue_whatever_its_level() -> None:
    for level in (90, 150, 220):
        image = np.clip(np.random.default_rng(0).normal(level, 20, (200, 64)), 1, 255).astype(np.uint8)
        message = bmode_message()
        view = view_of(Message(message.header, {**message.arrays, "bmode": image}))
        assert view.bmode is not None
        shown = grey_levels(60.0, view.bmode.exposure_db, 50.0)[image]
        assert 255 * 0.34 < np.median(shown) < 255 * 0.42
        exposure = view.bmode.exposure_db
    assert grey_levels(60.0, exposure + 6, 50.0)[200] > shown[image == 200].mean()


def test_text_grows_with_a_large_screen_and_nothing_is_drawn_larger_than_full_hd() -> None:
    assert drawing_size(3840, 2160) == (1920, 1080)
    assert drawing_size(1920, 1080) == (1920, 1080)
    assert drawing_size(2880, 1620) == (1920, 1080)


@pytest.mark.parametrize("size", [SIZE, MIN_SIZE, (1920, 1080), (300, 200)])
def test_the_disclaimer_stands_on_every_image(size: tuple[int, int]) -> None:
    busy = DisplayOptions(show_help=True, color_map="grey")
    state = DisplayState(busy, address="tcp://127.0.0.1:5561", now=0.0)
    views = [state.view(1.0), state.view(500.0)]
    long = tuple(f"a long assumption number {n}" for n in range(24))
    state.update(received(status_message(), bmode_message(), strain_message(assumed=long)), 501.0)
    state.toggle_freeze(501.0)
    views += [state.view(501.0), state.view(503.0), live(phantom(), -0.005, DisplayOptions(layout="overlay"))]
    height, width = render(views[0], size).shape[:2]
    assert (width, height) == (max(size[0], MIN_SIZE[0]), max(size[1], MIN_SIZE[1]))
    area = (slice(height - 27, height), slice(width - 20 - text_width(DISCLAIMER, 15, 700), width))
    stamps = [render(view, size)[area] for view in views]
    for stamp in stamps:
        np.testing.assert_array_equal(stamp, stamps[0])
    assert np.unique(stamps[0].reshape(-1, 3), axis=0).shape[0] > 20  # letters, not a plain band


def test_the_region_box_is_drawn_where_its_millimetres_lie() -> None:
    options = DisplayOptions(region=(10.0, 30.0, -8.0, 8.0))
    frames: list[Frame] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panels, "_draw_axes", lambda canvas, frame: frames.append(frame))
        shown = render(live(phantom(), -0.005, options))
        hidden = render(live(phantom(), -0.005, replace(options, show_region=False)))
    box = np.argwhere((shown != hidden).any(axis=2)[:, frames[1].x :])
    frame = frames[1]
    assert box[:, 0].min() == pytest.approx(frame.y + frame.row(10.0), abs=4)
    assert box[:, 0].max() == pytest.approx(frame.y + frame.row(30.0), abs=4)
    assert box[:, 1].min() == pytest.approx(frame.column(-8.0), abs=4)
    assert box[:, 1].max() == pytest.approx(frame.column(8.0), abs=4)


def test_the_same_view_gives_the_same_pixels_and_is_left_alone() -> None:
    view = live(phantom(), -0.005)
    assert view.strain is not None
    before = view.strain.normalised.copy()
    np.testing.assert_array_equal(render(view), render(view))
    np.testing.assert_array_equal(view.strain.normalised, before)


@pytest.mark.parametrize(
    ("start", "stop", "about", "expected"),
    [
        (0, 40, 8, [0, 5, 10, 15, 20, 25, 30, 35, 40]),
        (-19, 19, 5, [-10, 0, 10]),
        (0, 2.5, 8, [0, 0.5, 1, 1.5, 2, 2.5]),
    ],
)
def test_ticks_are_round(start: float, stop: float, about: float, expected: list[float]) -> None:
    assert ticks(start, stop, about) == expected


def test_strain_alone_is_drawn_on_its_own_grid() -> None:
    view = view_of(strain_message(std=SURE))
    assert view.bmode is None
    assert view.strain is not None
    assert view.strain.grid == STRAIN_GRID
    assert render(view).shape == (720, 1280, 3)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_fill_their_room_in_true_millimetres_beside_their_colour_bar(
    size: tuple[int, int], layout: Layout
) -> None:
    options = DisplayOptions(layout=layout)
    view = view_of(status_message(), bmode_message(), strain_message(), options=options)
    area = image_area(*size)
    frames = panels.frames_of(view, area)
    last = frames[-1]
    assert last.width / last.height == pytest.approx(last.extent.width_mm / last.extent.height_mm, rel=5e-3)
    assert last.height > 0.85 * area[3] or last.width > 0.85 * area[2] / len(frames)
    assert 0 < scale_place(view, area) - (last.x + last.width) <= 20
