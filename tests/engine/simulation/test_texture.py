"""Strain that is drawn: patterns of the sizes asked for, and motion whose slope they are."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.simulation.gridfield import GridField
from engine.simulation.texture import Kind, Texture, strained

DEPTH, WIDTH = 24e-3, 20e-3
KINDS: tuple[Kind, ...] = ("random", "ripples", "islands", "layers")


def _strain(field: GridField, step: float = 0.1e-3) -> NDArray[np.float64]:
    """Axial strain per unit of compression, positive for compression, on a grid of `step` metres."""
    z = torch.arange(0.0, DEPTH, step, dtype=torch.float64)
    x = torch.arange(-WIDTH / 2, WIDTH / 2, step, dtype=torch.float64)
    moved = field.displacement(*torch.meshgrid(z, x, indexing="ij"))[0].numpy()
    return np.asarray(-np.diff(moved, axis=0) / step)


def _texture(kind: Kind, axial: float, lateral: float = 3e-3, spread: float = 0.5) -> Texture:
    return Texture(kind=kind, axial_length=axial, lateral_length=lateral, spread=spread, seed=3)


def _share_of_slow(strain: NDArray[np.float64], period: float) -> float:
    """Share of the variance along depth in periods longer than `period` metres."""
    power = np.abs(np.fft.rfft(strain - strain.mean(axis=0), axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(strain), 0.1e-3)
    return float(power[frequency < 1 / period].sum() / power.sum())


@pytest.mark.parametrize("kind", KINDS)
def test_strain_has_the_mean_and_keeps_its_sign(kind: Kind) -> None:
    strain = _strain(strained(_texture(kind, 1e-3), depth=DEPTH, width=WIDTH))
    assert strain.mean() == pytest.approx(1.0, abs=0.1)
    assert (strain > 0).mean() > 0.999
    assert strain.std() > 0.2


@pytest.mark.parametrize("length", [0.4e-3, 0.8e-3, 1.6e-3])
def test_a_texture_loses_its_memory_at_its_length(length: float) -> None:
    strain = _strain(strained(_texture("random", length, spread=0.2), depth=DEPTH, width=WIDTH))
    period = 1.5e-3
    # of a correlation exp(-(d / length)^2)
    assert _share_of_slow(strain, period) == pytest.approx(math.erf(math.pi * length / period), abs=0.05)


def test_ripples_are_all_about_as_large() -> None:
    ripples, random = (
        _strain(strained(_texture(kind, 1.2e-3), depth=DEPTH, width=WIDTH)) for kind in ("ripples", "random")
    )
    assert _share_of_slow(ripples, 8e-3) < 0.5 * _share_of_slow(random, 8e-3)


def test_one_seed_is_one_texture() -> None:
    first, again = (strained(_texture("islands", 1e-3), depth=DEPTH, width=WIDTH) for _ in range(2))
    assert torch.equal(first.coefficients, again.coefficients)
