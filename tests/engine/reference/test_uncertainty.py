"""Strain error estimated from neighbours: at hard borders, over noise alone, and where they are unrelated."""

from functools import cache

import numpy as np
import pytest

from engine.reference import ReferenceEstimator, measure
from engine.reference.uncertainty import NOISE, total_variance
from engine.simulation import Inclusion, simulate_pair
from engine.spec import FloatArray
from engine.strain.least_squares import least_squares_strain

BORDER = 1e-3  # m to either side: half a strain window


pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def errors_over_sigma(stiffness: float, compression: float, sigma: str) -> tuple[np.ndarray, np.ndarray]:
    """Error over standard deviation of a round inclusion's pair: one window off the frame's borders, and the
    part of it beside the inclusion's border. `sigma` is "of the engine", or "of noise" alone."""
    inclusion = Inclusion(depth=9.5e-3, lateral=0.5e-3, radius=3e-3, stiffness=stiffness)
    pair = simulate_pair(compression, inclusions=[inclusion], in_band_snr_db=30.0, seed=7)
    with pytest.MonkeyPatch.context() as patch:
        if sigma == "of noise":
            patch.setattr(measure, "total_variance", lambda variance, *_: variance)
        result = ReferenceEstimator(pair.spec).step(pair.pre, pair.post)
    truth = pair.truth.axial_strain[result.axial_index.astype(int)]
    ratio = (result.axial_strain - truth) / result.strain_std
    z = result.axial_index[:, None] * pair.spec.sample_pitch
    x = (result.lateral_index[None, :] - (pair.spec.shape[1] - 1) / 2) * pair.spec.line_pitch
    inside = (z > 2e-3) & (z < z.max() - 2e-3) & (np.abs(x) < x.max() - 1e-3)
    beside = np.abs(np.hypot(z - inclusion.depth, x - inclusion.lateral) - inclusion.radius) < BORDER
    assert np.isfinite(ratio[inside]).all()
    return ratio[inside], ratio[inside & beside]


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize(("stiffness", "compression"), [(4.0, 0.01), (0.4, 0.01), (4.0, -0.02)])
def test_sigma_holds_at_the_border_of_an_inclusion(stiffness: float, compression: float) -> None:
    image, border = errors_over_sigma(stiffness, compression, "of the engine")
    assert 0.8 <= rms(image) <= 1.25
    assert np.mean(np.abs(image) <= 1.96) >= 0.9
    assert rms(border) <= 2.0
    # negative control: what noise alone explains, which holds everywhere else, is far too small here
    without, at_border = errors_over_sigma(stiffness, compression, "of noise")
    assert rms(without) > 1.25
    assert rms(at_border) > 2.5


def noise_strain(seed: int, half_rows: int, lines: int) -> FloatArray:
    """(lines, rows): strain of white displacement noise through a window of 2 * half_rows by `lines`."""
    noise = np.random.default_rng(seed).standard_normal((600, 80)).astype(np.float32)
    strain = least_squares_strain(noise, row_pitch=1.0, axial=2.0 * half_rows, lateral=float(lines))
    inner: FloatArray = np.ascontiguousarray(strain[2 * half_rows : -2 * half_rows, lines:-lines].T)
    return inner


@pytest.mark.parametrize(("half_rows", "lines"), [(13, 3), (13, 5), (20, 1)])
def test_noise_alone_is_counted_once(half_rows: int, lines: int) -> None:
    """Differences of neighbours hold noise too: on average the total is the noise's own variance."""
    strain = noise_strain(3, half_rows, lines)
    variance = np.full_like(strain, np.var(strain))
    total = total_variance(variance, strain, half_rows, lines)
    assert total.mean() == pytest.approx(variance.mean(), rel=0.1)
    # and the share that is always kept is the least there is
    assert total.min() >= NOISE * variance.mean()


def test_differences_rank_pixels_by_their_error() -> None:
    """Over noise alone all pixels have the same expected error; neighbours show where it was large."""
    strain = noise_strain(4, 13, 3)
    total = total_variance(np.full_like(strain, np.var(strain)), strain, 13, 3)
    surest = total < np.quantile(total, 0.5)
    assert rms(strain[surest]) < 0.7 * rms(strain[~surest])
    # negative control: the differences of another map do not predict this one's errors
    other = total_variance(np.full_like(strain, np.var(strain)), noise_strain(5, 13, 3), 13, 3)
    unrelated = other < np.quantile(other, 0.5)
    assert rms(strain[unrelated]) > 0.9 * rms(strain[~unrelated])


def test_even_tissue_adds_nothing_and_a_step_adds_within_half_a_window() -> None:
    even = np.full((20, 200), -0.01, np.float32)
    nothing = np.zeros_like(even)
    assert total_variance(nothing, even, 13, 3).max() == pytest.approx(0.0, abs=1e-12)
    step = even.copy()
    step[:, 100:] = -0.002
    added = total_variance(nothing, step, 13, 3)[10]
    assert added[87:113].min() > 0
    assert np.count_nonzero(added > 1e-12) == 26  # 13 rows to either side, and none beyond
