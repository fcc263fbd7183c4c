"""The grid of results depends on the geometry alone, whatever carrier the frames have."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.factory import load
from engine.spec import EngineSpec
from engine.tracking.iq import HYSTERESIS, STEPS_PER_OCTAVE, IqTransform
from tests.engine.moved_scatterers import Pulse, make_pair

SPEC = EngineSpec(shape=(900, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
STRAIN = -0.01
Frame = NDArray[np.float32]


@cache
def pressed(step: float) -> tuple[Frame, Frame]:
    """A press of 1 % whose carrier lies `step` rounding steps from the stated one."""
    carrier = 0.125 * 2.0 ** (step / STEPS_PER_OCTAVE)
    pair = make_pair(lambda z, x: STRAIN * z, shape=SPEC.shape, pulse=Pulse(cycles_per_sample=carrier))
    return pair.pre, pair.post


def working_rows(step: float) -> int:
    transform = IqTransform(SPEC)
    return transform.grid(transform.carrier(transform.band(pressed(step)[0]))).n_rows


@pytest.mark.parametrize("engine", ["reference", "onnx", "eager", "trivial"])
def test_a_carrier_that_moves_changes_neither_grid_nor_strain(engine: str) -> None:
    """Swept down across several rounding edges, as attenuation and another focus do, and back."""
    steps = (0.0, -0.4, -0.8, -1.2, -1.6, -2.0, -1.2, -0.4, 0.4, 0.8)
    assert len({working_rows(step) for step in steps}) > 3  # the control: the working grids do differ
    estimator = load(engine)(SPEC, "cpu")
    results = [estimator.step(*pressed(step)) for step in steps]
    for result in results:
        assert np.array_equal(result.axial_index, results[0].axial_index)
        assert np.array_equal(result.lateral_index, results[0].lateral_index)
        assert result.axial_strain.shape == results[0].axial_strain.shape
        inside = result.axial_strain[8:-8, 3:-3]
        assert float(np.median(inside)) == pytest.approx(STRAIN, rel=0.03)
        travel = result.axial_displacement[-8, 10] - result.axial_displacement[8, 10]
        span = result.axial_index[-8] - result.axial_index[8]
        assert travel / span == pytest.approx(STRAIN, rel=0.05)


def test_a_wrong_stated_carrier_moves_no_value_to_another_depth() -> None:
    """Results on the cells of 6.8 and of 5 MHz show the same step of strain at the same depth."""
    edge = 450.0

    def stepped(z: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        return -0.004 * z - 0.012 * np.clip(z - edge, 0.0, None)

    pair = make_pair(stepped, shape=SPEC.shape)
    depths = []
    for stated in (5e6, 6.8e6):
        estimator = load("onnx")(replace(SPEC, center_frequency=stated), "cpu")
        result = estimator.step(pair.pre, pair.post)
        profile = np.median(result.axial_strain[:, 3:-3], axis=1)
        depths.append(float(result.axial_index[np.argmax(profile < -0.010)]))
    assert depths[0] == pytest.approx(edge, abs=25.0)
    assert depths[1] == pytest.approx(depths[0], abs=10.0)


def test_the_working_grid_has_hysteresis() -> None:
    transform = IqTransform(SPEC)
    grid = transform.grid(0.125)
    just_beyond_rounding = 0.125 * 2.0 ** (0.6 / STEPS_PER_OCTAVE)
    assert transform.grid(just_beyond_rounding) != grid
    assert transform.grid(just_beyond_rounding, near=grid) is grid
    beyond = 0.125 * 2.0 ** ((HYSTERESIS + 0.05) / STEPS_PER_OCTAVE)
    assert transform.grid(beyond, near=grid) != grid
