"""Orientation, normalisation, confidence, region, persistence and range of the strain image."""

from dataclasses import replace

import numpy as np
import pytest

from tests.tools.display.display_messages import STRAIN_GRID, phantom, strain_message
from tools.display.strain_image import HeldRange, StrainImage, hold_reason, persist, strain_image


def image(
    *args: object, region: tuple[float, float, float, float] | None = None, **fields: object
) -> StrainImage:
    made = strain_image(strain_message(*args, **fields), region)  # type: ignore[arg-type]
    assert isinstance(made, StrainImage), made
    return made


def test_one_is_the_regions_median_and_hard_lies_below_it() -> None:
    shown = image(phantom(-0.005))
    assert np.median(shown.normalised) == pytest.approx(1.0)
    assert shown.normalised[114, 70] == pytest.approx(0.35, rel=1e-5)  # the inclusion, at 18 mm and 2 mm


@pytest.mark.parametrize("mean", [0.001, 0.005, 0.03])
def test_press_and_release_give_the_same_values(mean: float) -> None:
    press = image(phantom(-mean), mean=-mean, std=0.1 * mean)
    release = image(phantom(mean), mean=mean, std=0.1 * mean)
    np.testing.assert_allclose(press.normalised, release.normalised, rtol=1e-6)
    np.testing.assert_allclose(press.percent, release.percent, rtol=1e-6)
    np.testing.assert_array_equal(press.confidence, release.confidence)
    assert (press.sign, release.sign) == (-1.0, 1.0)
    # Negative control: normalised by the magnitude alone, press and release would be mirror images.
    wrong = phantom(-mean) / mean
    assert np.abs(wrong - release.normalised).max() > 1


def test_pixels_that_move_the_other_way_are_negative_in_both_modes() -> None:
    strain = phantom(-0.005)
    strain[200:] *= -1
    shown = image(strain, mean=-0.005)
    assert (shown.normalised[200:] < 0).all()
    assert (shown.percent[200:] < 0).all()
    assert (shown.normalised[:200] > 0).all()


def test_percent_times_sign_is_the_signed_strain_in_percent() -> None:
    strain = phantom(-0.005)
    shown = image(strain, mean=-0.005)
    np.testing.assert_allclose(shown.percent * shown.sign, 100 * strain, rtol=1e-6)


def test_confidence_is_one_half_at_a_signal_to_noise_ratio_of_two() -> None:
    std = np.full(phantom().shape, 0.0025, np.float32)
    std[0] = 0.0
    std[1] = np.inf
    std[2] = np.nan
    shown = image(phantom(-0.005), mean=-0.005, std=std)
    np.testing.assert_allclose(shown.confidence[3:], 0.5, rtol=1e-5)
    assert (shown.confidence[0] == 1).all()
    assert (shown.confidence[1:3] == 0).all()


def test_no_value_stays_no_value_and_has_no_confidence() -> None:
    strain = phantom()
    strain[:20, :30] = np.nan
    shown = image(strain)
    assert np.isnan(shown.normalised[:20, :30]).all()
    assert (shown.confidence[:20, :30] == 0).all()
    assert np.isfinite(shown.normalised[20:]).all()


def test_the_viewers_region_is_normalised_by_its_own_median_and_alone_has_values() -> None:
    region = (14e-3, 22e-3, -1e-3, 5e-3)  # inside the hard inclusion
    shown = image(phantom(-0.006), mean=-0.006, region=region)
    finite = np.isfinite(shown.normalised)
    np.testing.assert_allclose(shown.normalised[finite], 1.0, rtol=1e-5)
    depth = STRAIN_GRID.axial_start + STRAIN_GRID.axial_step * np.arange(250)
    rows = depth[finite.any(axis=1)]
    assert rows.min() >= 14e-3
    assert rows.max() <= 22e-3


def test_a_region_without_values_gives_a_reason_not_an_image() -> None:
    reason = strain_image(strain_message(), (0.2, 0.3, -1e-3, 1e-3))
    assert reason == "no value inside the region of interest"


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"rejection": "decorrelated"}, "out-of-plane"),
        ({"rejection": "a_new_one"}, "a new one"),
        ({"predicted_snre": 1.94}, "1.9 is below 2"),
        ({"predicted_snre": None}, "no predicted"),
        ({"mean": None}, "no mean strain"),
        ({"mean": 0.0}, "no mean strain"),
    ],
)
def test_a_pair_without_an_image_has_a_reason(fields: dict[str, object], part: str) -> None:
    message = strain_message(**fields)  # type: ignore[arg-type]
    assert part in (hold_reason(message.header) or "")  # type: ignore[arg-type]
    assert strain_image(message, None) == hold_reason(message.header)  # type: ignore[arg-type]


def test_a_pair_just_good_enough_is_an_image() -> None:
    assert hold_reason(strain_message(predicted_snre=2.0).header) is None  # type: ignore[arg-type]


def test_persistence_follows_its_time_constant() -> None:
    old, new = image(phantom(-0.005)), image(2 * phantom(-0.005))
    assert persist(old, new, 0.3, 0.0) is new
    assert persist(None, new, 0.3, 0.3) is new
    mixed = persist(old, new, 0.3, 0.3)
    expected = old.normalised + (1 - np.exp(-1)) * (new.normalised - old.normalised)
    np.testing.assert_allclose(mixed.normalised, expected, rtol=1e-5)


def test_persistence_never_shows_a_value_where_there_is_none_now_nor_mixes_press_with_release() -> None:
    holes = phantom(0.005)
    holes[:50] = np.nan
    old, new = image(phantom(-0.005)), image(holes, mean=0.005)
    mixed = persist(old, new, 0.1, 1.0)
    assert np.isnan(mixed.normalised[:50]).all()
    np.testing.assert_allclose(
        mixed.normalised[50:], new.normalised[50:], rtol=1e-5
    )  # same tissue, same value
    np.testing.assert_array_equal(mixed.percent, new.percent)
    later = persist(image(holes, mean=0.005), image(phantom(0.005), mean=0.005), 0.1, 1.0)
    assert np.isfinite(later.normalised).all()  # a hole closes at once


def test_persistence_starts_anew_with_another_session() -> None:
    old = image(phantom(-0.005))
    new = replace(image(2 * phantom(-0.005)), session_id="other")
    assert persist(old, new, 0.1, 1.0) is new


def test_the_range_keeps_its_default_and_follows_softer_tissue_with_one_second() -> None:
    usual, soft = image(phantom()), image(4 * phantom(), mean=-0.005)
    held = HeldRange(2.5)
    assert held.follow(usual, 2.5, 5.0).normalised == pytest.approx(2.5)
    target = float(np.quantile(soft.normalised[::4, ::2], 0.98))
    assert target > 4
    after = held.follow(soft, 2.5, 1.0).normalised
    assert after == pytest.approx(2.5 + (1 - np.exp(-1)) * (target - 2.5), rel=1e-5)
    assert held.follow(soft, 2.5, 0.0).normalised == 2.5
