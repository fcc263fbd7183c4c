"""The fast image of scatterers against the exact one."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import hilbert

from engine.errors import InvalidAcquisition
from engine.simulation.direct import render_exact
from engine.simulation.imaging import Imaging, Zone, render
from engine.simulation.pointspread import PointSpread
from engine.spec import EngineSpec

SPEC = EngineSpec(shape=(400, 32), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)


def imaging(spread: PointSpread, spec: EngineSpec = SPEC) -> Imaging:
    return Imaging(spec=spec, zones=(Zone(depth=0.0, point_spread=spread),))


def cloud(seed: int, n: int = 4000) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(seed)
    # beyond every border of the image, because responses reach in from outside
    z, x = rng.uniform(-1.5e-3, 9.5e-3, (1, n)), rng.uniform(-7e-3, 7e-3, (1, n))
    return torch.from_numpy(z), torch.from_numpy(x), torch.from_numpy(rng.standard_normal((1, n)))


def error_db(found: torch.Tensor, truth: torch.Tensor) -> float:
    return 20.0 * math.log10(float((found - truth).norm() / truth.norm()))


@pytest.mark.parametrize(
    "spread",
    [
        PointSpread(center_frequency=5e6),
        PointSpread(center_frequency=7e6, fractional_bandwidth=0.4, lateral_fwhm=0.5e-3),
        PointSpread(center_frequency=3e6, fractional_bandwidth=0.8, tilt=0.08),
    ],
)
def test_fast_equals_exact(spread: PointSpread) -> None:
    here = imaging(spread)
    truth = render_exact(here, *cloud(1))
    assert error_db(render(here, *cloud(1)), truth) < -75.0
    # negative controls: a tenth of a sample is seen, another cloud altogether
    z, x, amplitude = cloud(1)
    assert error_db(render(here, z + 0.1 * SPEC.sample_pitch, x, amplitude), truth) > -40.0
    assert error_db(render(here, *cloud(2)), truth) > 0.0


def test_a_batch_is_its_frames_one_by_one() -> None:
    here = imaging(PointSpread(center_frequency=5e6))
    first, second = cloud(1), cloud(2)
    both = render(here, *(torch.cat(pair) for pair in zip(first, second, strict=True)))
    assert torch.allclose(both[0], render(here, *first)[0], atol=1e-4)
    assert torch.allclose(both[1], render(here, *second)[0], atol=1e-4)


def test_point_targets_are_within_a_twentieth_of_a_sample() -> None:
    here = imaging(PointSpread(center_frequency=5e6))
    rng = np.random.default_rng(3)
    places = rng.uniform(60, 340, 20)
    lines = rng.uniform(5, 26, 20)
    for place, line in zip(places, lines, strict=True):
        z = torch.tensor([[place * SPEC.sample_pitch]])
        x = torch.tensor([[line * SPEC.line_pitch - here.half_width]])
        rf = render(here, z.double(), x.double(), torch.ones(1, 1).double())[0].double().numpy()
        envelope = np.abs(hilbert(rf, axis=0)) ** 2
        found = (envelope.sum(1) @ np.arange(400)) / envelope.sum()
        found_line = (envelope.sum(0) @ np.arange(32)) / envelope.sum()
        assert abs(found - place) < 0.05
        assert abs(found_line - line) < 0.05
        # carrier phase, which displacement is measured by: 0.05 samples are 0.039 rad here
        nearest = round(float(place))
        phase = np.angle(hilbert(rf[:, round(float(line))])[nearest])
        expected = 2 * np.pi * 5e6 * (nearest - place) / SPEC.sampling_frequency
        assert abs(np.angle(np.exp(1j * (phase - expected)))) < 0.039 / 4


def test_zones_agree_with_responses_that_change_continuously() -> None:
    spec = EngineSpec(shape=(1000, 24), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    zones = [
        Zone(
            depth=depth,
            point_spread=PointSpread(
                center_frequency=5e6 - 2e7 * depth, lateral_fwhm=0.6e-3 + 0.02 * depth, tilt=0.5 * depth
            ),
        )
        for depth in np.linspace(0.0, 20e-3, 6)
    ]
    rng = np.random.default_rng(0)
    n = 8000
    cloud_of_zones = (
        torch.from_numpy(rng.uniform(0, 19.2e-3, (1, n))),
        torch.from_numpy(rng.uniform(-5e-3, 5e-3, (1, n))),
        torch.from_numpy(rng.standard_normal((1, n))),
    )
    changing = Imaging(spec=spec, zones=tuple(zones))
    truth = render_exact(changing, *cloud_of_zones)
    assert error_db(render(changing, *cloud_of_zones), truth) < -30.0
    # negative control: one and the same response everywhere is far off
    assert error_db(render(imaging(zones[0].point_spread, spec), *cloud_of_zones), truth) > -15.0


def test_impossible_imaging_is_refused_by_name() -> None:
    with pytest.raises(InvalidAcquisition, match="zones at depths"):
        Imaging(spec=SPEC, zones=())
    with pytest.raises(InvalidAcquisition, match="fractional_bandwidth"):
        PointSpread(center_frequency=5e6, fractional_bandwidth=60)
