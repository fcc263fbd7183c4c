"""The acquisition has every effect that `SimulationSettings` turn on."""

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from engine.simulation.recorded import recorded_pair_truth, rest_displacement, rest_grid
from engine.simulation.scenario import PATIENT, SimulationSettings, simulated_acquisition

SMALL = SimulationSettings(frames=8, shape=(400, 32), period=0.5, inclusions=(), seed=2)
FRAME = 6

SWITCHES: list[dict[str, Any]] = [
    {"stops": 1.0, "frames": 40},
    {"elevation_drift": 0.3e-3},
    {"lateral_drift": 0.3e-3},
    {"tilt": 0.01},
    {"slip": 0.3e-3},
    {"vessel": True},
    {"in_band_snr_db": 5.0},
    {"snr_fall_db_per_cm": 20.0},
    {"attenuation_db_per_cm_mhz": 1.0},
    {"focus": 4e-3},
    {"clutter_db": -10.0},
    {"shadow_db": 20.0},
    {"gain_jump_db": 6.0},
    {"clip_rms": 1.5},
    {"dead_rows": 5},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: next(iter(switch)))
def test_every_switch_changes_the_recording(switch: dict[str, Any]) -> None:
    plain = replace(SMALL, frames=switch.get("frames", SMALL.frames))
    frame = plain.frames - 2
    without = simulated_acquisition(plain).frame(frame)
    assert np.array_equal(without, simulated_acquisition(plain).frame(frame))  # nothing changes by itself
    assert not np.array_equal(without, simulated_acquisition(replace(plain, **switch)).frame(frame))


def test_slip_and_drift_are_in_the_truth() -> None:
    slipping = simulated_acquisition(replace(SMALL, slip=0.3e-3))
    step = slipping.pair_truth(0, FRAME).lateral_displacement
    assert abs(np.nanmean(step[350:]) - np.nanmean(step[:100])) > 0.3
    drifting = simulated_acquisition(replace(SMALL, lateral_drift=0.3e-3, compression=0.0))
    assert np.ptp(drifting.motion.lateral_shift) > 1e-4
    assert drifting.pair_truth(0, FRAME).lateral_displacement.std() < 1e-4


@pytest.mark.skipif(not find_spec("skfem"), reason="scikit-fem (extra: simulation)")
def test_a_patient_has_every_effect_at_once_and_its_recorded_truth_omits_what_is_undefined() -> None:
    patient = simulated_acquisition(replace(PATIENT, frames=8, shape=(800, 48), seed=1))
    frames = list(patient.frames())
    assert len(frames) == 8
    assert all(frame.std() > 500 for frame in frames)
    rest = rest_grid(patient)
    stored = [rest_displacement(patient, k, *rest) for k in (2, 4)]
    rows, columns = np.arange(0, 800, 5, dtype=np.float32), np.arange(48, dtype=np.float32)
    exact = patient.pair_truth(2, 4, axial_index=rows, lateral_index=columns)
    found = recorded_pair_truth(stored[0], stored[1], rest, axial_index=rows, lateral_index=columns)
    valid = np.isfinite(found.axial_strain) & np.isfinite(exact.axial_strain)
    assert 0.6 < valid.mean() < 0.98  # slip boundary and blood are left out
    assert np.median(np.abs(found.axial_displacement - exact.axial_displacement)[valid]) < 1e-3
    assert np.percentile(np.abs(found.axial_strain - exact.axial_strain)[valid], 95) < 1e-3
    # negative control: a grid could not resolve the omitted truth
    assert np.abs(exact.axial_strain[valid]).max() < 0.1
