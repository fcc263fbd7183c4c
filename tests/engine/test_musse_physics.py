"""What physics asks of the network: some of it learnt, some of it so by construction, which each test says.

A property by construction holds for any weights, so no score of it is the training's. Each such test takes
the construction away once, to show that it can fail.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from moved_scatterers import Pair, make_pair
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import map_coordinates
from torch import Tensor

from engine.factory import shipped_weights
from engine.frontend import FrontEnd, Levelled
from engine.iq import CanonicalIq
from engine.network import residual
from engine.network.interface import LiveOutputs
from engine.network.live import LiveNet
from engine.network.program import LiveProgram
from engine.network.tracked import Cells
from engine.network.weights import load
from engine.quality import Thresholds
from engine.runtimes.musse import MusseEstimator
from engine.spec import EngineSpec, FloatArray, StrainResult

SHAPE = (1600, 96)
SPEC = EngineSpec(shape=SHAPE, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
LINE = SPEC.line_pitch / SPEC.sample_pitch  # samples
APPLIED = -0.01
HARD = 0.4  # share of the applied strain in the inclusion
RADIUS, EDGE = 200.0, 40.0  # samples: 3.9 mm, and 0.8 mm of transition
NOISY_DB = 10.0  # untrained weights average all windows alike: below this they fail, see there


@dataclass
class Program:
    """A network in PyTorch, without a file."""

    net: LiveNet
    name = "eager"
    precision = "float32"
    model_hash = ""

    def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
        with torch.inference_mode():
            maps = LiveProgram(self.net.eval())(*map(torch.from_numpy, inputs))
        return LiveOutputs(*(values.numpy() for values in maps))


@cache
def trained() -> LiveNet:
    return load(shipped_weights())[0]


def strain_of(net: LiveNet, pre: Any, post: Any) -> StrainResult:
    return MusseEstimator(SPEC, Program(net)).step(pre, post)


def true_strain(z: Any, x: Any) -> FloatArray:
    """A hard disk in the middle."""
    distance = np.hypot(z - (SHAPE[0] - 1) / 2, (x - (SHAPE[1] - 1) / 2) * LINE)
    share = 0.5 * (1 - np.tanh((distance - RADIUS) / EDGE))
    return np.asarray(APPLIED * (1 - (1 - HARD) * share))


@cache
def inclusion(noise_db: float | None = None, offset: float = 0.0, lines: float = 0.0) -> Pair:
    z, x = np.arange(-160.0, SHAPE[0] + 161), np.arange(-12.0, SHAPE[1] + 13)
    moved = np.cumsum(true_strain(z[:, None], x[None]), axis=0)
    moved -= moved[160]
    field = RegularGridInterpolator((z, x), moved, bounds_error=False, fill_value=None)

    def axial(at: Any, line: Any) -> Any:
        return field(np.stack(np.broadcast_arrays(at, line), axis=-1)) + offset

    return make_pair(axial, lateral=lambda z, x: np.full_like(z, lines), shape=SHAPE, noise_db=noise_db)


@cache
def answer(noise_db: float | None = None) -> StrainResult:
    pair = inclusion(noise_db)
    return strain_of(trained(), pair.pre, pair.post)


def inner(values: FloatArray) -> FloatArray:
    return values[8:-8, 3:-3]


def rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def assert_recovered(result: StrainResult) -> None:
    """Slope of the estimate over the truth 0.9-1.1, error at most half of the truth's own variation."""
    truth = inner(true_strain(*np.meshgrid(result.axial_index, result.lateral_index, indexing="ij")))
    strain = inner(result.axial_strain).astype(float)
    slope = np.cov(strain.ravel(), truth.ravel())[0, 1] / truth.var(ddof=1)
    assert 0.9 <= slope <= 1.1
    assert rms(strain - truth) / truth.std() <= 0.5


# --- learnt, or measured by tracking


@pytest.mark.parametrize("noise_db", [None, NOISY_DB])
def test_a_known_strain_with_an_inclusion_is_recovered(noise_db: float | None) -> None:
    assert_recovered(answer(noise_db))


def test_untrained_weights_do_not_recover_it_from_noise() -> None:
    """On the clean pair they do: tracking, and the average of all windows, are enough there."""
    pair = inclusion(NOISY_DB)
    with pytest.raises(AssertionError):
        assert_recovered(strain_of(LiveNet(), pair.pre, pair.post))


def test_swapped_frames_give_the_inverse_strain_where_tissue_has_moved_to() -> None:
    pair, forth = inclusion(), answer()
    back = strain_of(trained(), pair.post, pair.pre)
    step = np.diff(forth.axial_index)[0], np.diff(forth.lateral_index)[0]
    rows, cols = np.meshgrid(*map(np.arange, forth.axial_strain.shape), indexing="ij")
    place = (rows + forth.axial_displacement / step[0], cols + forth.lateral_displacement / step[1])
    there, sigma = (
        map_coordinates(values, place, order=1, mode="nearest")
        for values in (back.axial_strain, back.strain_std)
    )

    def disagreement(expected: FloatArray) -> float:
        return rms(inner((there - expected) / np.hypot(sigma, forth.strain_std)))

    strain = forth.axial_strain
    assert disagreement(-strain / (1 + strain)) < 1.0
    assert disagreement(strain) > 3.0  # the control: the sign counts


def test_no_motion_gives_no_strain() -> None:
    still = inclusion().pre
    least = Thresholds().min_strain  # what the node calls no motion
    assert np.abs(strain_of(trained(), still, still.copy()).axial_strain).max() < least
    rng = np.random.default_rng(3)
    noisy = [(still + 0.1 * rng.standard_normal(SHAPE)).astype(np.float32) for _ in range(2)]
    assert abs(np.mean(inner(strain_of(trained(), *noisy).axial_strain))) < 1e-4


def test_a_rigid_shift_changes_nothing() -> None:
    pair = inclusion(offset=9.3, lines=0.7)
    shifted = strain_of(trained(), pair.pre, pair.post)
    difference = inner(shifted.axial_strain - answer().axial_strain)
    assert rms(difference) < 0.1 * abs(APPLIED)
    assert abs(np.mean(difference)) < 0.01 * abs(APPLIED)
    moved = inner(shifted.axial_displacement - answer().axial_displacement)
    assert np.mean(moved) == pytest.approx(9.3, abs=0.05)


def test_mean_strain_over_a_region_is_the_difference_of_displacement() -> None:
    """By construction too: see the slope of displacement below."""
    result = answer()
    moved = inner(result.axial_displacement)
    length = inner(np.broadcast_to(result.axial_index[:, None], result.axial_strain.shape))
    mean = np.mean((moved[-1] - moved[0]) / (length[-1] - length[0]))
    assert np.mean(inner(result.axial_strain)) == pytest.approx(mean, rel=0.02)


# --- by construction, each broken once


def gain_error(change: Callable[[FloatArray], FloatArray]) -> float:
    """What another gain of each frame does to strain, RMS."""
    pair = inclusion()
    louder = change(pair.pre).astype(np.float32), (1 / change(np.ones(SHAPE)) * pair.post).astype(np.float32)
    estimates = [strain_of(trained(), *frames).axial_strain for frames in ((pair.pre, pair.post), louder)]
    return rms(inner(estimates[1] - estimates[0]))


def constant(frame: FloatArray) -> FloatArray:
    return 48.0 * frame


def slope_over_depth(frame: FloatArray) -> FloatArray:
    """20 dB more at the end than at the start, as another time-gain curve gives."""
    return frame * (10.0 ** np.linspace(0.0, 1.0, SHAPE[0]))[:, None]


def test_gain_and_its_slope_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction: frames are divided by their own local amplitude before anything looks at them.

    One gain for a whole frame is taken out twice, so that only its slope shows what levelling is for.
    """
    assert gain_error(constant) < 1e-5
    before = gain_error(slope_over_depth)
    assert before < 0.01 * abs(APPLIED)
    level = FrontEnd.level

    def unlevelled(self: FrontEnd, frame: CanonicalIq) -> Levelled:
        planes = np.stack((frame.iq.real, frame.iq.imag)).astype(np.float32)
        levelled = level(self, frame)
        return replace(levelled, inputs=levelled.inputs._replace(planes=planes))

    monkeypatch.setattr(FrontEnd, "level", unlevelled)
    assert gain_error(slope_over_depth) > 5 * before


def slope_error(net: LiveNet) -> float:
    """Largest difference between the slope of displacement and strain half-way between two rows."""
    pair = inclusion()
    result = strain_of(net, pair.pre, pair.post)
    slope = np.diff(result.axial_displacement, axis=0) / np.diff(result.axial_index)[:, None]
    strain = (result.axial_strain[1:] + result.axial_strain[:-1]) / 2
    return float(np.abs(slope - strain).max())


def test_the_slope_of_displacement_is_strain(monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction: displacement is integrated strain, shifted line by line to where tracking puts it."""
    assert slope_error(trained()) < 1e-5
    assert slope_error(LiveNet()) < 1e-5

    def measured(cells: Cells, strain: Tensor) -> Tensor:
        return cells.axial

    monkeypatch.setattr(residual, "_displacement", measured)
    assert slope_error(trained()) > 1e-4


def biased() -> LiveNet:
    """Untrained, and wrong about everything by half of the strain scale."""
    net = LiveNet()
    head = net.trunk.decoder.heads[-1]
    assert isinstance(head.bias, Tensor)
    with torch.no_grad():
        head.bias[-2] = 0.5  # the residual, before sigma's logarithm
    return net


def bias(net: LiveNet) -> float:
    """Mean strain over the true mean strain, minus 1."""
    pair = inclusion()
    result = strain_of(net, pair.pre, pair.post)
    truth = true_strain(*np.meshgrid(result.axial_index, result.lateral_index, indexing="ij"))
    return abs(float(np.mean(inner(result.axial_strain)) / np.mean(inner(truth))) - 1)


def test_strain_on_a_large_scale_is_what_tracking_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction: what is missing to the measured displacement over the anchor window is added."""
    assert bias(trained()) < 0.02
    assert bias(biased()) < 0.02
    monkeypatch.setattr(residual, "_missing", lambda cells, found, scale, drawn: torch.zeros_like(drawn))
    assert bias(biased()) > 0.2
