"""Physical properties that the network's construction guarantees.

They hold for any weights, trained or not. Each test takes the construction away once, to show that it can
fail.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.musse import coupling, residual
from engine.musse.coupling import Coupled
from engine.musse.measurement import Measurement
from engine.musse.net import LiveNet
from engine.spec import FloatArray
from engine.tracking.iq import CanonicalIq
from engine.tracking.normalisation import NormalisedFrame, PairInitialiser
from tests.engine.musse.pressed_inclusion import (
    APPLIED,
    SHAPE,
    inclusion,
    inner,
    rms,
    strain_of,
    trained,
    true_strain,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def gain_error(change: Callable[[FloatArray], FloatArray]) -> float:
    """RMS change of strain for another gain of each frame."""
    pair = inclusion()
    louder = (
        change(pair.pre).astype(np.float32),
        (1 / change(np.ones(SHAPE, np.float32)) * pair.post).astype(np.float32),
    )
    estimates = [strain_of(trained(), *frames).axial_strain for frames in ((pair.pre, pair.post), louder)]
    return rms(inner(estimates[1] - estimates[0]))


def constant(frame: FloatArray) -> FloatArray:
    return 48.0 * frame


def slope_over_depth(frame: FloatArray) -> FloatArray:
    """20 dB more at the end than at the start, as another time-gain curve gives."""
    return frame * (10.0 ** np.linspace(0.0, 1.0, SHAPE[0], dtype=np.float32))[:, None]


def test_gain_and_its_slope_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction: frames are divided by their own local amplitude before anything looks at them.

    A gain common to a frame is divided out twice, so only its slope shows the effect of gain normalisation.
    """
    assert gain_error(constant) < 1e-5
    before = gain_error(slope_over_depth)
    assert before < 0.01 * abs(APPLIED)
    normalise = PairInitialiser.normalise

    def not_normalised(self: PairInitialiser, frame: CanonicalIq) -> NormalisedFrame:
        planes = np.stack((frame.iq.real, frame.iq.imag)).astype(np.float32)
        normalised = normalise(self, frame)
        return replace(normalised, inputs=normalised.inputs._replace(planes=planes))

    monkeypatch.setattr(PairInitialiser, "normalise", not_normalised)
    assert gain_error(slope_over_depth) > 5 * before


def slope_error(net: LiveNet) -> float:
    """Largest difference between the slope of displacement and strain half-way between two rows."""
    pair = inclusion()
    result = strain_of(net, pair.pre, pair.post)
    slope = np.diff(result.axial_displacement, axis=0) / np.diff(result.axial_index)[:, None]
    strain = (result.axial_strain[1:] + result.axial_strain[:-1]) / 2
    return float(np.abs(slope - strain).max())


def test_the_slope_of_displacement_is_strain(monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction: both get the change that the coupling finds, filtered alike."""
    assert slope_error(trained()) < 1e-5
    assert slope_error(LiveNet()) < 1e-5
    with_other_displacement(monkeypatch, lambda found, axial: found.moved)
    assert slope_error(trained()) > 1e-4


def with_other_displacement(
    monkeypatch: pytest.MonkeyPatch, other: Callable[[Measurement, Tensor], Tensor]
) -> None:
    couple = coupling.couple

    def changed(found: Measurement, *prior: Tensor) -> Coupled:
        coupled = couple(found, *prior)
        return replace(coupled, axial=other(found, coupled.axial))

    monkeypatch.setattr(residual, "couple", changed)


def closure_error(net: LiveNet) -> float:
    """Mean strain against the difference of displacement over the same rows, as a share of it."""
    pair = inclusion()
    result = strain_of(net, pair.pre, pair.post)
    moved, rows = inner(result.axial_displacement), result.axial_index[8:-8]
    mean = float(np.mean((moved[-1] - moved[0]) / (rows[-1] - rows[0])))
    strain = inner(result.axial_strain)
    half_way = (strain[1:] + strain[:-1]) / 2  # between two rows
    return abs(float(np.mean(half_way)) / mean - 1)


def test_mean_strain_over_a_region_is_the_difference_of_displacement(monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction too: the same for a region as for two rows."""
    assert closure_error(trained()) < 1e-3
    assert closure_error(biased()) < 1e-3
    with_other_displacement(monkeypatch, lambda _, axial: 0.9 * axial)
    assert closure_error(trained()) > 0.02


def uncoupled(found: Measurement, strain: Tensor, prior_std: Tensor, scale: Tensor) -> Coupled:
    moved, none = coupling.integrated(strain), torch.zeros_like(strain)
    return Coupled(strain, moved, torch.ones_like(strain), moved, precision=none, left=none)


def biased() -> LiveNet:
    """Untrained, and wrong about everything by half of the strain scale."""
    net = LiveNet()
    head = net.trunk.decoder.heads[-1]
    assert isinstance(head.bias, Tensor)
    with torch.no_grad():
        head.bias[-3] = 0.5  # the residual, before the logarithms of both sigmas
    return net


def bias(net: LiveNet) -> float:
    """Mean strain over the true mean strain, minus 1."""
    pair = inclusion()
    result = strain_of(net, pair.pre, pair.post)
    truth = true_strain(*np.meshgrid(result.axial_index, result.lateral_index, indexing="ij"))
    return abs(float(np.mean(inner(result.axial_strain)) / np.mean(inner(truth))) - 1)


def test_strain_on_a_large_scale_is_what_tracking_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """By construction: the prior is moved to the measurement, then coupled with it."""
    assert bias(trained()) < 0.02
    assert bias(biased()) < 0.02
    monkeypatch.setattr(residual, "_missing", lambda found, scale, drawn: torch.zeros_like(drawn))
    assert bias(biased()) < 0.02  # a wrong prior is moved by the coupling alone
    monkeypatch.setattr(residual, "couple", uncoupled)
    assert bias(biased()) > 0.2
