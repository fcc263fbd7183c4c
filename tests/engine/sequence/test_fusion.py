"""Fused relative strain: right on moving tissue, independent of the hand's sign, with a calibrated std."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import InvalidAcquisition
from engine.sequence.fusion import FusedStrain, Fusion
from engine.spec import ErrorModel, StrainResult
from tests.engine.strain_noise import strain_noise

ROWS, COLS, STEP = 200, 32, 8.0  # grid, samples between rows
WINDOWED = ErrorModel(window=(13 * STEP, 3.0), shared=0.0)  # of strain: samples and lines
INSIDE = slice(25, -25)  # away from the border, where tissue comes in from outside the frame


def _pattern(shift: float = 0.0) -> NDArray[np.float64]:
    """Relative strain of a scene: a hard and a soft layer, as seen after moving by `shift` rows."""
    row = np.arange(ROWS)[:, None] - shift
    layers = 1.0 - 0.6 * np.exp(-(((row - 70) / 12) ** 2)) + 0.8 * np.exp(-(((row - 130) / 12) ** 2))
    return np.broadcast_to(layers, (ROWS, COLS)).copy()


def _result(strain: NDArray[np.float64], std: float, move: float = 0.0) -> StrainResult:
    """A pair with this strain map; tissue moves by `move` rows everywhere."""
    shape = strain.shape
    return StrainResult(
        axial_displacement=np.full(shape, move * STEP, np.float32),
        lateral_displacement=np.zeros(shape, np.float32),
        axial_strain=strain.astype(np.float32),
        strain_std=np.full(shape, std, np.float32),
        ncc=np.ones(shape, np.float32),
        axial_index=np.arange(ROWS, dtype=np.float32) * np.float32(STEP),
        lateral_index=np.arange(COLS, dtype=np.float32),
    )


def _fuse(
    means: list[float],
    *,
    noise: float,
    seed: int = 0,
    tau: float = 0.5,
    interval: float = 0.05,
    move: float = 0.0,
    errors: ErrorModel = WINDOWED,
) -> tuple[FusedStrain, float]:
    """Fuse a pair per mean strain; the scene moves `move` rows per pair. The image and where it is."""
    rng = np.random.default_rng(seed)
    fusion, place = Fusion(tau, errors=errors), 0.0
    for k, mean in enumerate(means):
        strain = mean * _pattern(place) + noise * strain_noise(rng, (ROWS, COLS))
        fused = fusion.update(
            _result(strain, max(noise, 1e-6), move),
            mean_strain=mean,
            valid=np.ones((ROWS, COLS), bool),
            pre_index=k,
            post_index=k + 1,
            elapsed=interval,
        )
        place += move
    return fused, place


def _error(fused: FusedStrain, place: float) -> float:
    return float(np.sqrt(np.nanmean((fused.relative_strain - _pattern(place))[INSIDE] ** 2)))


def test_a_single_pair_is_its_strain_over_its_mean() -> None:
    fused, place = _fuse([-0.01], noise=0.0)
    assert _error(fused, place) < 0.003  # strain counts as e / (1 + e / 2): half of 1 % off, times n - 1
    assert fused.effective_pairs == pytest.approx(1.0)


def test_press_and_release_show_the_same_image() -> None:
    press, _ = _fuse([-0.01] * 5, noise=0.0)
    release, _ = _fuse([0.01] * 5, noise=0.0)
    np.testing.assert_allclose(press.relative_strain, release.relative_strain, rtol=0.02)
    # rest to compressed and back: e and -e / (1 + e) are one motion
    e = -0.04 * _pattern()
    there, back = (
        Fusion(errors=WINDOWED).update(
            _result(strain, 1e-6),
            mean_strain=float(np.median(strain)),
            valid=np.ones((ROWS, COLS), bool),
            pre_index=0,
            post_index=1,
            elapsed=0.0,
        )
        for strain in (e, -e / (1 + e))
    )
    np.testing.assert_allclose(there.relative_strain, back.relative_strain, atol=1e-3)
    plain = e / np.median(e) - (e / (1 + e)) / np.median(e / (1 + e))
    assert np.abs(plain).max() > 0.03  # what strain itself would differ by
    wrong, _ = _fuse([0.01], noise=0.0)
    flipped = _fuse([-0.01], noise=0.0)[0].relative_strain * -1  # what showing the raw sign would give
    assert np.abs(wrong.relative_strain - flipped).max() > 1.0


def test_fusion_lowers_the_error_as_its_sigma_predicts() -> None:
    means = [-0.001 * np.sin(2 * np.pi * k / 20 + 0.3) for k in range(40)]
    one, place = _fuse(means[:1], noise=0.002)
    many, _ = _fuse(means, noise=0.002)
    assert _error(many, place) < 0.5 * _error(one, place)
    predicted = [float(np.sqrt(np.nanmean(fused.relative_std[INSIDE] ** 2))) for fused in (one, many)]
    assert predicted[1] < 0.5 * predicted[0]
    # the predicted std includes an allowance for the drift of a hand, which these pairs do not have
    assert 0.4 < _error(many, place) / predicted[1] < 1.25
    assert not 0.4 < _error(one, place) / predicted[1] < 1.25  # can fail


def test_the_image_moves_with_the_tissue() -> None:
    fused, place = _fuse([-0.01] * 30, noise=0.0, move=0.7)
    assert place == pytest.approx(21.0)
    assert _error(fused, place) < 0.03
    assert _error(fused, 0.0) > 0.2  # an image that stayed where it began would be here


def test_a_stride_carries_older_images_by_their_share() -> None:
    fusion, error = Fusion(0.5, errors=WINDOWED), 0.0
    for k in range(3, 30):  # pairs (k - 3, k): every pair moves by 3 frames of 0.5 rows
        fused = fusion.update(
            _result(-0.01 * _pattern(0.5 * (k - 3)), 1e-4, move=1.5),
            mean_strain=-0.01,
            valid=np.ones((ROWS, COLS), bool),
            pre_index=k - 3,
            post_index=k,
            elapsed=0.05,
        )
        error = _error(fused, 0.5 * k)
    assert error < 0.03


def test_what_no_pair_has_measured_has_no_value() -> None:
    valid = np.ones((ROWS, COLS), bool)
    valid[:40] = False
    fused = Fusion(errors=WINDOWED).update(
        _result(np.full((ROWS, COLS), -0.01), 1e-3),
        mean_strain=-0.01,
        valid=valid,
        pre_index=0,
        post_index=1,
        elapsed=0.0,
    )
    assert np.isnan(fused.relative_strain[:40]).all()
    assert np.isnan(fused.relative_std[:40]).all()
    assert np.isfinite(fused.relative_strain[40:]).all()


def test_tissue_from_outside_the_frame_has_no_value() -> None:
    fused, _ = _fuse([-0.01] * 3, noise=0.0, move=5.0)
    assert np.isnan(fused.relative_strain[:4]).all()
    assert np.isfinite(fused.relative_strain[INSIDE]).all()


def test_a_weak_pair_hardly_counts() -> None:
    strong, place = _fuse([-0.01] * 4, noise=0.0005)
    with_weak, _ = _fuse([-0.01] * 4 + [-0.00001], noise=0.0005)
    assert np.nanmax(np.abs(with_weak.relative_strain - strong.relative_strain)) < 0.02
    assert _error(with_weak, place) < 0.06


@pytest.mark.parametrize("forget", ["reset", "pause"])
def test_a_new_scene_shows_nothing_of_the_old_one(forget: str) -> None:
    fusion = Fusion(0.5, errors=WINDOWED)
    shape = (ROWS, COLS)
    common: dict[str, Any] = {"mean_strain": -0.01, "valid": np.ones(shape, bool)}
    for k in range(10):
        fusion.update(
            _result(-0.01 * _pattern(), 1e-4), pre_index=k, post_index=k + 1, elapsed=0.05, **common
        )
    if forget == "reset":
        fusion.reset()
    flat = np.full(shape, -0.01)
    fused = fusion.update(
        _result(flat, 1e-4),
        pre_index=10,
        post_index=11,
        elapsed=100.0 if forget == "pause" else 0.05,
        **common,
    )
    np.testing.assert_allclose(fused.relative_strain, 1.0, atol=1e-4)
    assert fused.effective_pairs == pytest.approx(1.0)


def test_a_kept_image_would_be_noticed() -> None:
    """Negative control of the test above: without forgetting, the old scene shines through."""
    fusion, shape = Fusion(0.5, errors=WINDOWED), (ROWS, COLS)
    common: dict[str, Any] = {"mean_strain": -0.01, "valid": np.ones(shape, bool)}
    for k in range(10):
        fusion.update(
            _result(-0.01 * _pattern(), 1e-4), pre_index=k, post_index=k + 1, elapsed=0.05, **common
        )
    fused = fusion.update(
        _result(np.full(shape, -0.01), 1e-4), pre_index=10, post_index=11, elapsed=0.05, **common
    )
    assert np.abs(fused.relative_strain - 1.0).max() > 0.3


# --- estimators that share their errors between pairs, as a network does


def _claimed(truly_shared: float, claimed: float, pairs: int = 60) -> tuple[float, float]:
    """(error over its predicted standard deviation, error over a single pair's) of a hand that turns twice.

    Errors have no window and differ in size from place to place; `truly_shared` of their variance is common.
    """
    rng = np.random.default_rng(5)
    size = 0.0004 * (1.0 + np.arange(COLS) / COLS) * np.ones((ROWS, 1))
    common = rng.normal(size=(ROWS, COLS))
    fusion = Fusion(0.5, errors=ErrorModel(window=None, shared=claimed))
    truth = _pattern()
    for k in range(pairs):
        mean = 0.003 * np.sin(2 * np.pi * k / 40 + 0.3)
        noise = np.sqrt(truly_shared) * np.sign(mean) * common + np.sqrt(1 - truly_shared) * rng.normal(
            size=common.shape
        )
        fused = fusion.update(
            replace(_result(mean * truth + size * noise, 0.0), strain_std=size.astype(np.float32)),
            mean_strain=mean,
            valid=np.ones((ROWS, COLS), bool),
            pre_index=k,
            post_index=k + 1,
            elapsed=0.05,
        )
    error = fused.relative_strain - truth
    z = float(np.sqrt(np.mean((error / fused.relative_std) ** 2)))
    return z, float(np.sqrt(np.mean(error**2)) / (np.sqrt(np.mean(size**2)) / 0.003))


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.7, 1.0])
def test_the_std_is_calibrated_where_pairs_have_a_common_error(shared: float) -> None:
    assert _claimed(shared, shared)[0] == pytest.approx(1.0, rel=0.1)


def test_pairs_that_share_their_error_are_no_surer_for_being_many() -> None:
    assert _claimed(1.0, 1.0)[1] > 1.0  # of a pair at the fastest press, which the others cannot add to
    assert _claimed(0.0, 0.0)[1] < 0.5


def test_a_common_error_treated_as_noise_makes_the_std_too_small() -> None:
    """Negative control of the two tests above."""
    assert _claimed(0.7, 0.0)[0] > 2.0
    assert _claimed(0.0, 0.7)[0] < 0.5


def test_an_estimator_without_a_window_is_not_smoothed() -> None:
    strain = -0.01 * (1.0 + 0.5 * np.random.default_rng(0).normal(size=(ROWS, COLS)))
    images = [
        Fusion(errors=errors).update(
            _result(strain, 0.005),
            mean_strain=-0.01,
            valid=np.ones((ROWS, COLS), bool),
            pre_index=0,
            post_index=1,
            elapsed=0.0,
        )
        for errors in (ErrorModel(window=None, shared=0.7), WINDOWED)
    ]
    detail = [float(fused.relative_strain[INSIDE].std()) for fused in images]
    assert detail[0] == pytest.approx(0.5, rel=0.05)
    assert detail[1] < 0.25
    np.testing.assert_allclose(images[0].relative_std, 0.5, rtol=0.01)  # one pair: its own, over its mean


def test_a_time_constant_must_be_positive() -> None:
    with pytest.raises(InvalidAcquisition, match="time_constant"):
        Fusion(0.0, errors=WINDOWED)
