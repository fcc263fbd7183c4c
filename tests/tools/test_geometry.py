"""The map between pixel, millimetre, depth and line, against the closed form of every probe."""

import math

import numpy as np
import pytest

from streamer.headers import Grid
from tools.geometry import (
    cell_areas,
    cell_positions,
    extent_of,
    fit,
    inside,
    lookup,
    outline,
    resample_image,
    resample_values,
    to_beam,
    to_plane,
)

SHAPE = (300, 128)
LINEAR = Grid(axial_start=1e-3, axial_step=1e-4, lateral_start=-19e-3, lateral_step=3e-4, probe_type="linear")
CURVED = Grid(
    axial_start=2e-3, axial_step=2e-4, lateral_start=-0.5, lateral_step=1 / 127, probe_type="curved",
    probe_radius=0.06,
)  # fmt: skip
PHASED = Grid(
    axial_start=5e-3, axial_step=3e-4, lateral_start=-0.75, lateral_step=1.5 / 127, probe_type="phased"
)
GRIDS = pytest.mark.parametrize("grid", [LINEAR, CURVED, PHASED], ids=lambda grid: grid.probe_type)


@GRIDS
def test_plane_and_beam_are_inverse(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    depth, lateral = rng.uniform(1e-3, 0.06, 99), rng.uniform(-0.5, 0.5, 99)
    np.testing.assert_allclose(to_beam(grid, *to_plane(grid, depth, lateral)), (depth, lateral), atol=1e-12)


def test_a_curved_line_lies_where_trigonometry_puts_it() -> None:
    x, z = to_plane(CURVED, 0.04, math.radians(30))
    assert x == pytest.approx(50.0)  # (60 + 40) mm x sin 30
    assert z == pytest.approx(100 * math.cos(math.radians(30)) - 60)
    assert to_plane(LINEAR, 0.04, 0.01) == pytest.approx((10.0, 40.0))


@GRIDS
@pytest.mark.parametrize("flip", [False, True])
def test_every_pixel_shows_the_value_of_its_place(grid: Grid, flip: bool) -> None:
    """A map that holds its own x and z, drawn: each pixel must read its own position."""
    x, z = cell_positions(grid, SHAPE)
    frame = fit(extent_of([(grid, SHAPE)]), 0, 0, 400, 400, flip=flip)
    sure = np.ones(SHAPE, np.float32)
    for positions, number in ((x, 0), (z, 1)):
        values = positions.astype(np.float32)
        drawn, weight, _ = resample_values(values, sure, np.zeros(SHAPE, bool), grid, frame)
        shown = np.argwhere(np.isfinite(drawn))
        assert len(shown) > 0.4 * drawn.size
        for row, column in shown[:: max(1, len(shown) // 500)]:
            expected = frame.position(column + 0.5, row + 0.5)[number]
            assert drawn[row, column] == pytest.approx(expected, abs=0.35)
        assert weight[np.isfinite(drawn)] == pytest.approx(1.0, abs=1e-3)
    mirrored = frame.position(0.5, 0.5)[0] > 0
    assert mirrored == flip


@GRIDS
def test_pixels_outside_the_map_are_empty_and_positions_round_trip(grid: Grid) -> None:
    frame = fit(extent_of([(grid, SHAPE)]), 7, 9, 300, 300)
    drawn, _, _ = resample_values(
        np.ones(SHAPE, np.float32), np.ones(SHAPE, np.float32), np.zeros(SHAPE, bool), grid, frame
    )
    valid = inside(grid, SHAPE, frame)
    assert (np.isfinite(drawn) & ~valid).mean() < 0.01  # they differ in corners of border cells only
    assert (~np.isfinite(drawn) & valid).mean() < 0.02
    if grid.probe_type != "linear":
        assert not valid[-1, 0]  # below the sector's edge
    x, z = frame.position(33.0, 44.0)
    assert (frame.column(x), frame.row(z)) == pytest.approx((33.0, 44.0))


def test_a_missing_value_does_not_spread_and_no_rim_is_invented() -> None:
    values = np.ones(SHAPE, np.float32)
    values[100:140, 40:80] = np.nan
    frame = fit(extent_of([(LINEAR, SHAPE)]), 0, 0, 600, 600)
    none = np.zeros(SHAPE, bool)
    drawn, _, _ = resample_values(values, np.ones(SHAPE, np.float32), none, LINEAR, frame)
    np.testing.assert_allclose(drawn[np.isfinite(drawn)], 1.0, atol=1e-5)  # value x mask over mask
    hole = np.isnan(drawn) & inside(LINEAR, SHAPE, frame)
    assert hole.sum() == pytest.approx(frame.scale**2 * 4.0 * 12.0, rel=0.05)  # 40 x 0.1 mm by 40 x 0.3 mm


def test_a_circle_of_tissue_under_a_curved_probe_is_a_circle_on_the_screen() -> None:
    x, z = cell_positions(CURVED, SHAPE)
    disc = ((x - 10.0) ** 2 + (z - 35.0) ** 2 < 8.0**2) * np.uint8(255)
    frame = fit(extent_of([(CURVED, SHAPE)]), 0, 0, 500, 500)
    seen = np.argwhere(resample_image(np.asarray(disc, np.uint8), CURVED, frame) > 127)
    height, width = np.ptp(seen, axis=0) + 1
    assert height == pytest.approx(16 * frame.scale, rel=0.05)
    assert width == pytest.approx(16 * frame.scale, rel=0.05)
    assert frame.position(*(seen.mean(axis=0)[::-1] + 0.5)) == pytest.approx((10.0, 35.0), abs=0.3)


def test_cells_of_a_curved_probe_cover_its_sector_and_the_outline_is_that_sector() -> None:
    area = (cell_areas(CURVED, SHAPE) * np.ones(SHAPE)).sum()
    outer, inner = 60 + 2 + 0.2 * 299.5, 60 + 2 - 0.1
    angle = 128 / 127
    assert area == pytest.approx(angle / 2 * (outer**2 - inner**2), rel=1e-3)
    edge = outline(CURVED, (0.0, 0.04, -0.3, 0.3), points=2001)
    swept = 0.5 * abs(np.dot(edge[:, 0], np.roll(edge[:, 1], 1)) - np.dot(edge[:, 1], np.roll(edge[:, 0], 1)))
    assert swept == pytest.approx(0.3 * (100**2 - 60**2), rel=1e-3)


def test_the_lookup_of_a_geometry_is_made_once() -> None:
    frame = fit(extent_of([(CURVED, SHAPE)]), 0, 0, 200, 200)
    assert lookup(CURVED, frame) is lookup(CURVED.model_copy(), frame)
