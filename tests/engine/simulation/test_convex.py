"""A convex probe: echoes where geometry puts them, and truth along its beams."""

import math

import numpy as np
import pytest
import torch

from engine.errors import InvalidAcquisition
from engine.simulation import Inclusion
from engine.simulation.acquisition import SimulatedAcquisition
from engine.simulation.imaging import Imaging, Zone, render
from engine.simulation.pointspread import PointSpread
from engine.simulation.recorded import recorded_pair_truth, rest_displacement, rest_grid
from engine.simulation.scenario import SimulationSettings, simulated_acquisition
from engine.spec import EngineSpec

RADIUS, PITCH, LINES = 40e-3, 0.8e-3, 64
ANGLES = (np.arange(LINES) - (LINES - 1) / 2) * PITCH / RADIUS


def convex(**changes: object) -> SimulatedAcquisition:
    settings: dict[str, object] = {
        "frames": 2,
        "frame_rate": 5.0,
        "shape": (1600, LINES),
        "center_frequency": 4e6,
        "line_pitch": PITCH,
        "probe_radius": RADIUS,
        "inclusions": (),
    }
    return simulated_acquisition(SimulationSettings(**(settings | changes)))  # type: ignore[arg-type]


def test_an_echo_lies_on_the_beam_and_at_the_depth_of_its_scatterer() -> None:
    spec = EngineSpec(shape=(1600, LINES), sampling_frequency=40e6, center_frequency=4e6, line_pitch=PITCH)
    imaging = Imaging(
        spec=spec,
        zones=(Zone(depth=0.0, point_spread=PointSpread(center_frequency=4e6)),),
        probe_radius=RADIUS,
    )
    for line, depth in ((5, 12e-3), (31, 20e-3), (60, 25e-3)):
        angle = ANGLES[line]
        z = (RADIUS + depth) * math.cos(angle) - RADIUS
        x = (RADIUS + depth) * math.sin(angle)
        at = imaging.to_beam(*(torch.tensor([[value]], dtype=torch.float64) for value in (z, x)))
        frame = render(imaging, *at, torch.ones(1, 1, dtype=torch.float64))[0].numpy()
        row, column = np.unravel_index(np.abs(frame).argmax(), frame.shape)
        assert column == line
        assert row == pytest.approx(depth / spec.sample_pitch, abs=1)


def test_strain_along_the_beam_is_that_along_the_axis_times_cos_2t() -> None:
    acquisition = convex()
    press = float(np.diff(acquisition.motion.modes[0].amplitude)[0])
    strain = acquisition.pair_truth(0, 1).axial_strain
    expected = -press * np.cos(2 * ANGLES)
    np.testing.assert_allclose(strain, np.broadcast_to(expected, strain.shape), atol=0.03 * press)
    assert np.abs(strain + press).max() > 0.6 * press  # the control: it is not the strain along the axis


def test_stored_truth_and_strain_are_those_of_the_displacement() -> None:
    acquisition = convex(inclusions=(Inclusion(depth=15e-3, lateral=12e-3, radius=5e-3, stiffness=3.0),))
    truth = acquisition.pair_truth(0, 1)
    slope = np.gradient(truth.axial_displacement, axis=0)
    assert np.median(np.abs(slope - truth.axial_strain)) < 1e-4 * np.abs(truth.axial_strain).max()
    rest = rest_grid(acquisition)
    stored = [rest_displacement(acquisition, k, *rest) for k in (0, 1)]
    index = {"axial_index": truth.axial_index[100::50], "lateral_index": truth.lateral_index[4:-4:5]}
    again = recorded_pair_truth(stored[0], stored[1], rest, **index)
    for name, bar in (("axial_displacement", 2e-3), ("lateral_displacement", 2e-3)):
        exact = getattr(truth, name)[100::50, 4:-4:5]
        np.testing.assert_allclose(getattr(again, name), exact, atol=bar * np.abs(exact).max())


def test_speckle_is_equally_bright_at_every_depth_and_angle() -> None:
    rf = convex(frames=1).frame(0).astype(float)
    shallow, deep = rf[100:500].std(), rf[-500:-100].std()
    assert deep == pytest.approx(shallow, rel=0.12)
    assert rf[:, :16].std() == pytest.approx(rf[:, 24:40].std(), rel=0.15)


def test_finite_elements_refuse_a_convex_face() -> None:
    with pytest.raises(InvalidAcquisition, match="flat face"):
        convex(solve=True)
