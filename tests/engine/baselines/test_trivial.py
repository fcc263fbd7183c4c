"""The trivial engine: the average strain of a frame, or no value."""

from typing import Any

import numpy as np
import pytest

from engine.baselines.trivial import TrivialEstimator
from engine.errors import EngineUnavailable, EstimateFailed, InvalidAcquisition
from engine.spec import EngineSpec
from tests.echo_frames import SHAPE, STRAIN, echoes


def estimator(shape: tuple[int, int] = SHAPE) -> TrivialEstimator:
    return TrivialEstimator(
        EngineSpec(shape=shape, sampling_frequency=40e6, center_frequency=4.8e6, line_pitch=3e-4)
    )


def strain(pre: Any, post: Any) -> float:
    return float(np.median(estimator().step(pre, post).axial_strain))


@pytest.mark.parametrize("applied", [0.001, 0.003, 0.005, -0.003, -0.005])
@pytest.mark.parametrize("seed", [11, 12])
def test_it_recovers_the_strain_that_was_applied(applied: float, seed: int) -> None:
    pre, post = echoes(0.0, seed=seed), echoes(applied, seed=seed)
    result = estimator().step(pre, post)
    assert result.axial_strain[0, 0] == pytest.approx(-applied, rel=0.05)
    assert 0 < result.strain_std[0, 0] < 0.05 * abs(applied)
    assert result.ncc[0, 0] > 0.95


def test_other_scatterers_are_not_the_same_tissue() -> None:
    """The control: unrelated frames do not meet the criteria above."""
    result = estimator().step(echoes(0.0, seed=11), echoes(STRAIN, seed=12))
    assert result.ncc[0, 0] < 0.8
    assert result.axial_strain[0, 0] != pytest.approx(-STRAIN, rel=0.05)
    assert result.strain_std[0, 0] > 0.05 * STRAIN


def test_physics() -> None:
    pre, post = echoes(0.0), echoes(STRAIN)
    forward = strain(pre, post)
    assert strain(pre, pre) == pytest.approx(0.0, abs=1e-6)  # no motion, no strain
    assert strain(post, pre) == pytest.approx(-forward, rel=0.03)  # swapped, the sign turns
    assert strain(pre, post * 3) == pytest.approx(forward, rel=1e-3)  # gain changes nothing
    assert strain(pre, post) != pytest.approx(strain(pre, echoes(2 * STRAIN)), rel=0.1)


def test_the_displacement_is_the_line_whose_slope_is_the_strain() -> None:
    result = estimator().step(echoes(0.0), echoes(STRAIN))
    slope = np.diff(result.axial_displacement[:, 0]) / np.diff(result.axial_index)
    np.testing.assert_allclose(slope, result.axial_strain[1:, 0], rtol=1e-3)
    assert result.axial_displacement[-1, 0] == pytest.approx(-STRAIN * 511, rel=0.1)
    assert result.axial_strain.dtype == np.float32


def test_memory_order_and_type_do_not_matter() -> None:
    pre, post = echoes(0.0), echoes(STRAIN)
    assert strain(np.asfortranarray(pre), np.asfortranarray(post)) == strain(pre, post)
    assert strain(pre.astype(np.float32), post.astype(np.float32)) == strain(pre, post)


@pytest.mark.parametrize("gain", [1e-12, 1e12])
def test_any_gain_is_the_same_tissue(gain: float) -> None:
    """Squares of such samples, multiplied once more, leave the range of float32."""
    pre, post = (frame * np.float32(gain) for frame in (echoes(0.0), echoes(STRAIN)))
    assert strain(pre, post) == pytest.approx(strain(echoes(0.0), echoes(STRAIN)), rel=1e-4)


def test_an_offset_of_the_converter_does_not_stand_for_still_tissue() -> None:
    pre, post = echoes(0.0), echoes(STRAIN)
    assert np.abs(pre).max() < 20_000
    assert strain(pre + np.int16(9000), post + np.int16(9000)) == pytest.approx(strain(pre, post), rel=1e-3)


def test_frames_of_another_shape_and_frames_of_nothing_are_refused() -> None:
    with pytest.raises(InvalidAcquisition, match=r"\(400, 16\); built for \(512, 16\)"):
        estimator().step(echoes(0.0, shape=(400, 16)), echoes(0.0))
    with pytest.raises(EstimateFailed, match="fewer than three depth blocks"):
        estimator().step(np.zeros(SHAPE, np.int16), np.zeros(SHAPE, np.int16))
    with pytest.raises(EngineUnavailable, match="cpu only"):
        TrivialEstimator(estimator().spec, "cuda")


def test_it_keeps_no_frame_and_no_state() -> None:
    engine = estimator()
    pre, post = echoes(0.0), echoes(STRAIN)
    before = pre.copy(), post.copy()
    first = engine.step(pre, post)
    engine.step(echoes(0.0, seed=5), echoes(STRAIN, seed=5))
    engine.reset()
    np.testing.assert_array_equal(engine.step(pre, post).axial_strain, first.axial_strain)
    np.testing.assert_array_equal(pre, before[0])
    np.testing.assert_array_equal(post, before[1])
