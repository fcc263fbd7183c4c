"""Where things lie in the body: a region's result must lie where the whole frame's result lies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.baselines.trivial import TrivialEstimator
from engine.spec import StrainResult
from streamer.config import Config, RegionConfig
from streamer.errors import ConfigError, MessageRefused
from streamer.geometry import (
    FrameRegion,
    bmode_grid,
    check_frame,
    configured_region,
    engine_spec,
    grid_of,
    region_of,
    windows_of,
)
from streamer.headers import RfHeader
from tests.echo_frames import echoes, rf_header

SHAPE = (2000, 128)
PART = RegionConfig(axial_from=12, axial_to=25, lateral_from=-9, lateral_to=3)


def header(**changes: Any) -> RfHeader:
    return rf_header(0, **{"shape": SHAPE, "initial_time": 2e-6, **changes})


def mapped(depth_of: np.ndarray) -> StrainResult:
    """A result on the grid of a small engine whose strain is the value of its input at each grid point."""
    axial = np.linspace(0, depth_of.shape[0] - 1, 64, dtype=np.float32)
    lateral = np.linspace(0, depth_of.shape[1] - 1, 16, dtype=np.float32)
    picked = depth_of[np.ix_(axial.round().astype(int), lateral.round().astype(int))].astype(np.float32)
    none = np.zeros_like(picked)
    return StrainResult(
        axial_displacement=none, lateral_displacement=none, axial_strain=picked, strain_std=none, ncc=none,
        axial_index=axial, lateral_index=lateral,
    )  # fmt: skip


@pytest.mark.parametrize("region", [RegionConfig(), PART])
def test_a_region_lies_where_it_lies_in_the_whole_frame(region: RegionConfig) -> None:
    described = header()
    dz, pitch = 1540 / 2 / 40e6, 3e-4
    depths = 1540 * 2e-6 / 2 + np.arange(SHAPE[0]) * dz
    places = (np.arange(SHAPE[1]) - 63.5) * pitch
    part = region_of(described, region, 2e-3)
    for truth, axis in ((np.broadcast_to(depths[:, None], SHAPE), 0), (np.broadcast_to(places, SHAPE), 1)):
        result = mapped(part.crop(truth))
        grid = grid_of(described, result.axial_index, result.lateral_index, part)
        rows = grid.axial_start + np.arange(64) * grid.axial_step
        cols = grid.lateral_start + np.arange(16) * grid.lateral_step
        claimed = np.broadcast_to(rows[:, None] if axis == 0 else cols, (64, 16))
        step = dz if axis == 0 else pitch
        np.testing.assert_allclose(claimed, result.axial_strain, atol=0.51 * step)
        mask = part.mask(result)
        if mask is not None:
            inside = (rows >= 12e-3)[:, None] & (rows <= 25e-3)[:, None] & (cols >= -9e-3) & (cols <= 3e-3)
            np.testing.assert_array_equal(mask, inside)


def test_the_engine_gets_one_window_more_on_every_side() -> None:
    described = header()
    part = region_of(described, PART, 2e-3)
    dz = 1540 / 2 / 40e6
    depths = 1.54e-3 + np.array([part.axial.start, part.axial.stop - 1]) * dz
    places = (np.array([part.lateral.start, part.lateral.stop - 1]) - 63.5) * 3e-4
    assert depths == pytest.approx([10e-3, 27e-3], abs=2 * dz)
    assert places == pytest.approx([-11e-3, 5e-3], abs=6e-4)
    assert part.limits == pytest.approx((12e-3, 25e-3, -9e-3, 3e-3))
    spec = engine_spec(described, part, Config())
    assert spec.shape == (part.axial.stop - part.axial.start, part.lateral.stop - part.lateral.start)
    TrivialEstimator(spec)


def test_one_pair_of_limits_leaves_the_other_direction_whole() -> None:
    part = region_of(header(), RegionConfig(axial_from=12, axial_to=25), 2e-3)
    assert part.lateral == slice(0, 128)
    part = region_of(header(), RegionConfig(lateral_from=-9, lateral_to=3), 2e-3)
    assert part.axial == slice(0, 2000)
    assert region_of(header(), RegionConfig(), 2e-3) == FrameRegion.whole(header())


def test_a_region_that_reaches_beyond_the_frame_ends_with_it() -> None:
    part = region_of(
        header(), RegionConfig(axial_from=0, axial_to=999, lateral_from=-99, lateral_to=99), 2e-3
    )
    assert (part.axial, part.lateral) == (slice(0, 2000), slice(0, 128))
    assert part.limits == pytest.approx((1.54e-3, 1.54e-3 + 1999 * 1.925e-5, -63.5 * 3e-4, 63.5 * 3e-4))


@pytest.mark.parametrize(
    "region",
    [
        RegionConfig(axial_from=100, axial_to=120),
        RegionConfig(lateral_from=50, lateral_to=60),
        RegionConfig(axial_from=0.1, axial_to=0.8),
        RegionConfig(lateral_from=3.0, lateral_to=3.1),
    ],
    ids=["below", "beside", "above the first sample", "between two lines"],
)
def test_a_region_with_nothing_in_it_names_what_the_frame_covers(region: RegionConfig) -> None:
    with pytest.raises(ConfigError, match=r"covers 1\.5 to 40\.0 mm and -19\.[01] to 19\.[01] mm"):
        region_of(header(), region, 1e-4)


def test_curved_probes_are_in_degrees_and_have_their_spacing_at_mid_depth() -> None:
    curved = header(probe_type="curved", probe_radius=0.06, line_pitch=np.pi / 180 / 2, initial_time=0.0)
    part = region_of(curved, RegionConfig(lateral_from=-10, lateral_to=10), 0.0)
    assert part.lateral == slice(43, 85)
    assert curved.acquisition.line_spacing == pytest.approx(np.pi / 360 * (0.06 + 1000 * 1.925e-5))
    with pytest.raises(ConfigError, match=r"-31\.8 to 31\.8 deg"):
        region_of(curved, RegionConfig(lateral_from=40, lateral_to=50), 0.0)


def test_the_rows_of_a_bmode_divide_the_depth_evenly() -> None:
    grid = bmode_grid(header(), (500, 128))
    assert grid.axial_start == pytest.approx(1.54e-3)
    assert grid.axial_step * 500 == pytest.approx(2000 * 1.925e-5)
    assert grid.lateral_start == pytest.approx(-63.5 * 3e-4)


@pytest.mark.parametrize(
    "region",
    [
        {"axial_from": 8.0, "axial_to": 3.0},
        {"axial_from": 0.003, "axial_to": 0.03},
        {"lateral_from": 5.0, "lateral_to": -5.0},
    ],
    ids=["upside down", "metres", "left and right"],
)
def test_an_impossible_region_is_a_mistake(region: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"axial_to has to lie|lies to the right"):
        RegionConfig(**region)
    RegionConfig(axial_from=3.0, axial_to=8.0, lateral_from=-5.0, lateral_to=5.0)  # the control


def test_a_region_without_an_end_reaches_to_the_deepest_sample() -> None:
    part = region_of(header(), RegionConfig(axial_from=12), 2e-3)
    assert part.axial.stop == header().shape[0]
    assert part.shown_axial[1] == header().shape[0] - 1
    assert part.limits is not None
    assert part.limits[0] == pytest.approx(12e-3)


def _refusal(samples: np.ndarray, **config: Mapping[str, float]) -> str | None:
    code = {"i": "<i2", "f": "<f4", "c": "<c8"}[samples.dtype.kind]
    frame = rf_header(0, dtype=code, kind="iq" if code == "<c8" else "rf", shape=samples.shape)
    try:
        check_frame(frame, samples, Config.model_validate(config))
    except MessageRefused as refused:
        return refused.reason
    return None


def test_saturation_counts_where_strain_is_computed() -> None:
    """The transmit pulse clips the first rows of every frame; the region of interest lies below them."""
    clipped = echoes(0.0)
    clipped[:24] = np.where(clipped[:24] > 0, 32767, -32768)
    below = {"axial_from": 24 * 1540 / 2 / 40e6 * 1e3 + 0.01}
    whole = {"whole": True}
    assert _refusal(clipped, region=whole) == "saturated"
    assert _refusal(clipped, region=below) is None
    assert _refusal(clipped) is None  # the usual region leaves the near field out
    assert _refusal(clipped, region=whole, quality={"max_saturated": 0.06}) is None
    assert _refusal(clipped, region=whole, quality={"max_saturated": 0.04}) == "saturated"
    deep = echoes(0.0)
    deep[-24:] = np.where(deep[-24:] > 0, 32767, -32768)
    assert _refusal(deep, region=below) == "saturated"  # the control: inside the region it counts
    assert _refusal(deep, region={"axial_from": 900.0}) == "saturated"  # no such region: the whole frame


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.complex64])
def test_rows_and_lines_that_were_never_filled_are_not_clipped(dtype: type) -> None:
    filled: NDArray[Any] = echoes(0.0).astype(dtype)
    if np.iscomplexobj(filled):
        filled += 1j * echoes(0.0, seed=1)
    for rows, lines in (
        (slice(-100, None), slice(None)),
        (slice(0, 50), slice(None)),
        (slice(None), slice(3)),
    ):
        frame = filled + dtype(8000)  # an offset, so that 0 is the smallest number there is
        frame[rows, lines] = 0
        assert _refusal(frame) is None
    clipped = np.clip(frame.real, 0, 9000).astype(np.int16)
    assert _refusal(clipped) == "saturated"  # the control


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ({}, (3.0, 0.9 * (1.54 + 38.5), None)),
        ({"shape": (4000, 128)}, (3.0, 40.0, None)),
        ({"shape": (400, 128), "initial_time": 0.0}, (1.54, 6.93, None)),
        ({"probe_type": "curved", "probe_radius": 0.06, "line_pitch": 0.01}, (8.008, 36.036, 20.0)),
        ({"probe_type": "phased", "line_pitch": 0.01, "shape": (8000, 128)}, (10.0, 80.0, 20.0)),
        ({"probe_type": "phased", "line_pitch": 0.002, "shape": (8000, 128)}, (10.0, 80.0, 7.28)),
    ],
    ids=["linear", "deep", "shallow", "curved", "phased", "narrow"],
)
def test_the_usual_region_suits_the_probe(
    changes: dict[str, Any], limits: tuple[float, float, float | None]
) -> None:
    described = header(**changes)
    found = configured_region(described, Config()).limits
    assert found is not None
    assert found[:2] == pytest.approx((limits[0] * 1e-3, limits[1] * 1e-3), abs=1e-6)
    if limits[2] is None:
        assert found[3] == pytest.approx(63.5 * described.line_pitch)
    else:
        assert found[2:] == pytest.approx((-np.radians(limits[2]), np.radians(limits[2])), rel=1e-2)
    whole = Config.model_validate({"region": {"whole": True}})
    assert configured_region(described, whole).limits is None


def test_what_is_configured_replaces_the_usual_limits() -> None:
    region = Config.model_validate({"region": {"axial_from": 12.0, "axial_to": 25.0}})
    assert configured_region(header(), region) == region_of(header(), region.region, windows_of_default())


def test_frames_that_begin_below_the_usual_region_keep_their_whole_depth() -> None:
    assert configured_region(header(initial_time=60e-6), Config()).limits is None


def windows_of_default() -> float:
    return windows_of(header(), Config().engine)[0]


def test_the_usual_windows_follow_the_wavelength() -> None:
    for frequency in (2.5e6, 5e6, 10e6):
        described = header(center_frequency=frequency)
        wavelength = 1540 / frequency
        assert windows_of(described, Config().engine) == pytest.approx((13 * wavelength, 6.5 * wavelength))
    given = Config.model_validate({"engine": {"axial_window": 2.0}}).engine
    assert windows_of(header(), given) == pytest.approx((2e-3, 6.5 * 1540 / 4.8e6))
    narrow = header(shape=(400, 8), center_frequency=5e6)
    assert windows_of(narrow, Config().engine) == pytest.approx((400 / 3 * 1540 / 80e6, 8 / 3 * 3e-4))
