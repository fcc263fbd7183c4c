"""Displacement of the exported program is free of bias between samples as on them."""

from functools import cache

import numpy as np
import pytest

from engine.factory import load
from engine.spec import EngineSpec
from tests.engine.moved_scatterers import make_pair

SPEC = EngineSpec(shape=(900, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
MAX_BIAS = 0.01  # samples


@cache
def mean_error(strain: float, offset: float, seed: int) -> float:
    """Mean of estimated minus true displacement, samples; noise of speckle averages out over 4800 cells."""
    pair = make_pair(lambda z, x: strain * z + offset, shape=SPEC.shape, seed=seed)
    result = load("onnx")(SPEC, "cpu").step(pair.pre, pair.post)
    error = result.axial_displacement - pair.truth(result.axial_index, result.lateral_index)
    return float(np.mean(error[5:-5, 2:-2]))


@pytest.mark.parametrize("offset", [0.3, 0.5, 3.25])
@pytest.mark.parametrize("strain", [0.0, -0.01, 0.008])
@pytest.mark.parametrize("seed", [0, 1])
def test_displacement_is_right_to_a_hundredth_of_a_sample(strain: float, offset: float, seed: int) -> None:
    error = mean_error(strain, offset, seed)
    assert abs(error) <= MAX_BIAS
    for wrong in (-0.05, 0.05):  # the control: a truth that is off by a twentieth
        assert abs(error - wrong) > MAX_BIAS
