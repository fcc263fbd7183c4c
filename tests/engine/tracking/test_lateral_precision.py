"""The standard deviation of lateral displacement, on pairs whose true motion is known."""

from functools import cache

import numpy as np
import pytest

from engine.factory import open_estimator
from engine.spec import EngineSpec, StrainResult
from engine.tracking.lateral_precision import LateralPrecision
from tests.engine.moved_scatterers import Pair, Pulse, make_pair

SPEC = EngineSpec(shape=(900, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
SHIFT = 0.4  # lines


@cache
def pair(correlation: float, beam_width: float = 3.0) -> Pair:
    pulse = Pulse(cycles_per_sample=SPEC.center_frequency / SPEC.sampling_frequency, beam_width=beam_width)
    return make_pair(
        lambda z, x: -0.01 * z, lateral=lambda z, x: 0 * z + SHIFT,
        shape=SPEC.shape, pulse=pulse, correlation=correlation, seed=5,
    )  # fmt: skip


@cache
def found(correlation: float) -> StrainResult:
    frames = pair(correlation)
    estimator = open_estimator(
        "reference", shape=SPEC.shape, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3
    )
    return estimator.step(frames.pre, frames.post)


def error_over(std: np.ndarray, result: StrainResult) -> float:
    error = (result.lateral_displacement - SHIFT)[5:-5, 4:-4]
    return float(np.sqrt(np.mean((error / std[5:-5, 4:-4]) ** 2)))


@pytest.mark.parametrize("correlation", [1.0, 0.9, 0.7])
def test_the_error_is_about_as_large_as_stated(correlation: float) -> None:
    result = found(correlation)
    assert result.lateral_std is not None
    assert 0.35 < error_over(result.lateral_std(), result) < 1.7


def test_a_coherence_that_is_too_good_states_too_little() -> None:
    """The control: echoes that have 0.7 in common, taken for equal ones."""
    result = found(0.7)
    wrong = LateralPrecision(SPEC).std(pair(0.7).pre, np.full_like(result.ncc, 0.999), result.axial_index)
    assert error_over(wrong, result) > 2.0


def test_a_wider_beam_is_less_exact() -> None:
    """Twice the width doubles the error of one beam and leaves half as many of them to average."""
    index = np.arange(0, 900, 10, dtype=np.float32)
    alike = np.full((len(index), 1), 0.9, np.float32)
    narrow, wide = (LateralPrecision(SPEC).std(pair(1.0, width).pre, alike, index) for width in (2.0, 4.0))
    assert np.median(wide) / np.median(narrow) == pytest.approx(2.0**1.5, rel=0.2)


def test_where_echoes_do_not_match_nothing_is_known() -> None:
    index = np.arange(0, 900, 10, dtype=np.float32)
    unlike = np.zeros((len(index), 3), np.float32)
    assert np.isposinf(LateralPrecision(SPEC).std(pair(1.0).pre, unlike, index)).all()
