"""Which pairs are worth showing, and why the others are not."""

from typing import Any

import numpy as np
import pytest

from engine.sequence.quality import Thresholds, assess_pair_quality
from engine.spec import StrainResult

SHAPE = (64, 32)
LIMITS = Thresholds()


def result(**changes: Any) -> StrainResult:
    """A good press: 1 % strain with 0.1 % noise, NCC 0.95."""
    rng = np.random.default_rng(3)
    fields: dict[str, Any] = {
        "axial_displacement": np.zeros(SHAPE),
        "lateral_displacement": np.full(SHAPE, 0.2),
        "axial_strain": -0.01 + 0.001 * rng.standard_normal(SHAPE),
        "strain_std": np.full(SHAPE, 0.001),
        "ncc": np.full(SHAPE, 0.95),
    }
    maps: dict[str, Any] = {
        name: np.asarray(values, np.float32)
        for name, values in {**fields, **changes}.items()
        if name != "rejection"
    }
    maps["axial_index"] = np.arange(64, dtype=np.float32)
    maps["lateral_index"] = np.arange(32, dtype=np.float32)
    return StrainResult(**maps, rejection=changes.get("rejection"))


def test_a_good_pair_has_its_figures_and_no_reason() -> None:
    pair_quality = assess_pair_quality(result(), LIMITS)
    assert pair_quality.rejection is None
    assert pair_quality.mean_strain == pytest.approx(-0.01, rel=0.02)
    assert pair_quality.predicted_snre == pytest.approx(10, rel=0.02)
    assert pair_quality.median_ncc == pytest.approx(0.95)
    assert pair_quality.lateral_motion == pytest.approx(0.2)
    assert pair_quality.quality == pytest.approx((0.95 - 0.8) / 0.2)
    assert pair_quality.valid.all()


HALVES = np.where(np.arange(64)[:, None] < 32, -0.01, 0.011) * np.ones(SHAPE)


@pytest.mark.parametrize(
    ("changes", "rejection"),
    [
        ({"ncc": np.full(SHAPE, 0.79)}, "decorrelated"),
        ({"ncc": np.full(SHAPE, 0.81)}, None),
        ({"lateral_displacement": np.full(SHAPE, -2.1)}, "sliding"),
        ({"axial_strain": np.full(SHAPE, -0.0004)}, "no_motion"),
        ({"axial_strain": np.zeros(SHAPE), "strain_std": np.zeros(SHAPE)}, "no_motion"),
        ({"axial_strain": np.full(SHAPE, 0.041)}, "too_much_motion"),
        ({"axial_strain": np.full(SHAPE, 0.039)}, None),
        ({"axial_strain": HALVES}, "sliding"),
        ({"strain_std": np.full(SHAPE, np.inf)}, "decorrelated"),
        ({"strain_std": np.full(SHAPE, 0.021)}, "decorrelated"),
        ({"axial_strain": np.full(SHAPE, np.nan)}, "decorrelated"),
        ({"ncc": np.full(SHAPE, np.nan)}, "decorrelated"),
        ({"rejection": "sliding"}, "sliding"),
    ],
)
def test_each_reason_has_its_limit(changes: dict[str, Any], rejection: str | None) -> None:
    pair_quality = assess_pair_quality(result(**changes), LIMITS)
    assert pair_quality.rejection == rejection
    assert (pair_quality.quality == 0.0) == (rejection is not None)


def test_noise_around_a_weak_press_is_not_sliding() -> None:
    noise = np.random.default_rng(4).standard_normal(SHAPE) * 0.003
    weak = {"axial_strain": -0.002 + noise, "strain_std": np.full(SHAPE, 0.003)}
    assert assess_pair_quality(result(**weak), LIMITS).rejection is None


@pytest.mark.parametrize("name", ["axial_strain", "strain_std", "ncc", "lateral_displacement"])
def test_a_pixel_without_a_number_holds_no_value_and_spoils_no_figure(name: str) -> None:
    values = getattr(result(), name).copy()
    values[:5] = np.nan
    pair_quality = assess_pair_quality(result(**{name: values}), LIMITS)
    assert pair_quality.rejection is None
    assert not pair_quality.valid[:5].any()
    assert pair_quality.valid[5:].all()
    for figure in (pair_quality.mean_strain, pair_quality.median_ncc, pair_quality.lateral_motion):
        assert figure is not None
        assert np.isfinite(figure)


def test_uncertain_pixels_cost_quality() -> None:
    std = np.full(SHAPE, 0.001)
    std[:16] = 0.03
    pair_quality = assess_pair_quality(result(strain_std=std), LIMITS)
    assert pair_quality.quality == pytest.approx(0.75 * assess_pair_quality(result(), LIMITS).quality)
    assert not pair_quality.valid[:16].any()


def test_only_the_region_counts() -> None:
    region = np.zeros(SHAPE, bool)
    region[32:] = True
    pair_quality = assess_pair_quality(result(axial_strain=HALVES), LIMITS, region)
    assert pair_quality.rejection is None
    assert pair_quality.mean_strain == pytest.approx(0.011)
    assert not pair_quality.valid[:32].any()


def test_press_and_release_are_judged_alike() -> None:
    press, release = result(), result(axial_strain=-result().axial_strain)
    one, other = assess_pair_quality(press, LIMITS), assess_pair_quality(release, LIMITS)
    assert (one.quality, one.predicted_snre) == (other.quality, other.predicted_snre)
    assert other.mean_strain is not None
    assert one.mean_strain == -other.mean_strain
