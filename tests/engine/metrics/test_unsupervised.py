"""Figures without truth: on maps with closure and stability, and on maps without."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.metrics.closure import Closure, PairMaps, carried, closure
from engine.metrics.stability import Stability, stability

SHAPE = (80, 40)
INNER = np.zeros(SHAPE, bool)
INNER[8:-8, 4:-4] = True
STD = 0.001


def pair(strain: float, noise: float = 0.0, seed: int = 0) -> PairMaps:
    """Uniform strain from row 0 on, with independent errors of standard deviation `noise`."""
    rows = np.broadcast_to(np.arange(SHAPE[0], dtype=float)[:, None], SHAPE)
    error = noise * np.random.default_rng(seed).normal(size=SHAPE)
    return PairMaps(
        axial=strain * rows, lateral=np.zeros(SHAPE), strain=strain + error, std=np.full(SHAPE, STD)
    )


def test_strain_composes_and_does_not_just_add() -> None:
    first, second = pair(-0.02), pair(-0.03)
    both = pair(0.98 * 0.97 - 1.0)
    assert closure(first, second, both, INNER).z == pytest.approx(0.0, abs=1e-9)
    assert closure(first, second, both, INNER).rows == pytest.approx(0.0, abs=1e-9)
    added = closure(first, second, pair(-0.05), INNER)  # 6e-4 of strain are missing
    assert added.strain == pytest.approx(6e-4, rel=1e-6)


def test_independent_errors_close_at_the_predicted_sigma_and_bias_does_not() -> None:
    first, second, both = (pair(e, STD, k) for k, e in enumerate((-0.01, -0.005, 0.99 * 0.995 - 1)))
    good = closure(first, second, both, INNER)
    assert good.z == pytest.approx(1.0, abs=0.1)  # reading between rows averages some of the second's noise
    biased = closure(first, second, replace(both, strain=both.strain + 5 * STD), INNER)
    assert biased.z > 2.0
    bold_first, bold_second, bold_both = (replace(p, std=p.std / 3) for p in (first, second, both))
    bold = closure(bold_first, bold_second, bold_both, INNER)
    assert bold.z == pytest.approx(3 * good.z)


def test_what_closure_cannot_see() -> None:
    zero, none = pair(0.0), replace(pair(0.0), std=np.full(SHAPE, np.inf))
    assert closure(zero, zero, zero, INNER).z == 0.0
    silent = closure(zero, none, zero, INNER)
    assert silent.pixels == 0
    assert np.isnan(silent.z)
    parts = [closure(pair(-0.01, STD, k), zero, pair(-0.01), INNER) for k in range(2)]
    total = sum(parts, Closure())
    assert total.squared_z == pytest.approx(parts[0].squared_z + parts[1].squared_z)


def test_maps_are_read_where_the_tissue_has_gone() -> None:
    values = np.broadcast_to(np.arange(SHAPE[0], dtype=float)[:, None], SHAPE)
    moved = carried(values, np.full(SHAPE, 2.5), np.zeros(SHAPE))
    assert moved[10, 5] == pytest.approx(12.5)
    assert np.isnan(moved[-2:]).all()  # no value beyond the border
    assert np.isnan(carried(values, np.zeros(SHAPE), np.full(SHAPE, -3.0))[:, :3]).all()


def test_steadiness_takes_motion_out_and_notices_change() -> None:
    rng = np.random.default_rng(1)
    scene = 1.0 + gaussian_filter(rng.normal(size=SHAPE), 3.0) * 3
    down, none = np.full(SHAPE, 4.0), np.zeros(SHAPE)
    after = np.roll(scene, 4, axis=0)
    steady = stability(scene, after, down, none, INNER)
    assert steady.ncc == pytest.approx(1.0)
    assert steady.change == pytest.approx(0.0, abs=1e-12)
    ignored = stability(scene, after, none, none, INNER)
    assert ignored.ncc < 0.7  # the control: the same images without their motion
    noisy = stability(scene, after + 0.5 * rng.normal(size=SHAPE), down, none, INNER)
    assert noisy.change == pytest.approx(0.5, rel=0.1)
    assert np.isnan(stability(np.ones(SHAPE), np.ones(SHAPE), none, none, INNER).ncc)  # constant: undefined
    assert stability(np.full(SHAPE, np.nan), after, down, none, INNER) == Stability()
    assert (steady + noisy).pixels == steady.pixels + noisy.pixels
