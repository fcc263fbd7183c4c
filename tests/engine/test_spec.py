"""Acquisitions that an estimator accepts, and those it refuses by name."""

import pytest

from engine import open_estimator
from engine.errors import InvalidAcquisition
from engine.spec import EngineSpec
from tests.echo_frames import STRAIN, echoes

CONSTANTS = {"shape": (512, 32), "sampling_frequency": 40e6, "center_frequency": 4.8e6, "line_pitch": 3e-4}
CYCLE = 1540 / 2 / 4.8e6


def test_a_window_shorter_than_a_cycle_is_refused() -> None:
    for window in (2e-6, 0.05e-3, 0.99 * CYCLE, float("nan")):
        with pytest.raises(InvalidAcquisition, match="one cycle of the carrier"):
            EngineSpec(**CONSTANTS, axial_window=window)  # type: ignore[arg-type]
    shortest = open_estimator("reference", **CONSTANTS, axial_window=1.01 * CYCLE)  # type: ignore[arg-type]
    result = shortest.step(echoes(0.0, shape=(512, 32)), echoes(STRAIN, shape=(512, 32)))
    assert result.axial_strain.mean() == pytest.approx(-STRAIN, rel=0.2)
