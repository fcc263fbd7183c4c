"""Mean, deviation and ratio of regions, against errors whose correlation is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from engine.metrics.region import RegionMean, ratio, region_mean

SHAPE = (120, 60)
PITCH = (0.2, 0.4)  # mm
LENGTHS = (2.0, 1.0)  # mm, correlation at 1/e


def correlated_noise(rng: np.random.Generator) -> NDArray[np.float64]:
    """Unit-variance noise with rho = exp(-(d / L)^2): a Gaussian filter of sigma L / 2."""
    sigmas = [length / 2 / step for length, step in zip(LENGTHS, PITCH, strict=True)]
    white = rng.standard_normal((SHAPE[0] + 80, SHAPE[1] + 40))
    noise: NDArray[np.float64] = gaussian_filter(white, sigmas)[40:-40, 20:-20]
    return noise * float(np.sqrt(4 * np.pi * sigmas[0] * sigmas[1]))


def disc(row: float, col: float, radius: float) -> NDArray[np.bool_]:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside: NDArray[np.bool_] = ((rows - row) * PITCH[0]) ** 2 + ((cols - col) * PITCH[1]) ** 2 < radius**2
    return inside


def mean_of(values: np.ndarray, std: np.ndarray, region: np.ndarray) -> RegionMean:
    return region_mean(values, std, region, pitch=PITCH, correlation=LENGTHS)


@pytest.mark.parametrize("radius", [2.5, 4.0, 6.0])
def test_the_deviation_of_a_mean_is_that_of_correlated_errors(radius: float) -> None:
    rng = np.random.default_rng(1)
    region, std = disc(60, 30, radius), np.full(SHAPE, 0.2)
    means = [mean_of(1 + std * correlated_noise(rng), std, region) for _ in range(150)]
    observed = np.std([m.mean for m in means])
    assert observed == pytest.approx(means[0].std, rel=0.15)
    independent = 0.2 / math.sqrt(region.sum())
    assert observed > 4 * independent  # the control: pixels do not count as independent


def test_weights_follow_areas_and_missing_values_are_left_out() -> None:
    values, std = np.ones(SHAPE), np.full(SHAPE, 0.1)
    values[:, 30:], region = 3.0, np.ones(SHAPE, bool)
    areas = np.where(np.arange(SHAPE[1]) < 30, 3.0, 1.0) * np.ones(SHAPE)
    whole = region_mean(values, std, region, pitch=PITCH, correlation=LENGTHS, areas=areas)
    assert whole.mean == pytest.approx(1.5)
    values[60:] = np.nan
    half = mean_of(values, std, region)
    assert half.valid_share == pytest.approx(0.5)
    assert half.pixels == 3600
    assert half.mean == pytest.approx(2.0)
    empty = mean_of(np.full(SHAPE, np.nan), std, region)
    assert math.isnan(empty.mean)
    assert empty.valid_share == 0


def region_of(mean: float, std: float) -> RegionMean:
    return RegionMean(mean=mean, std=std, pixel_std=0.1, spread=0.1, valid_share=1.0, pixels=99)


def test_fieller_covers_the_truth_in_95_percent_and_is_open_where_a_may_be_0() -> None:
    rng = np.random.default_rng(2)
    a, b, sa, sb = 0.5, 1.0, 0.08, 0.05
    covered = 0
    for _ in range(2000):
        found = ratio(region_of(rng.normal(b, sb), sb), region_of(rng.normal(a, sa), sa))
        covered += found.low <= b / a <= found.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)
    open_ended = ratio(region_of(1.0, 0.05), region_of(0.1, 0.08))
    assert math.isinf(open_ended.high)
    assert open_ended.text.startswith("above ")
    assert open_ended.low == pytest.approx(1.0 / (0.1 + 1.96 * 0.08), rel=0.1)
    assert ratio(region_of(0.01, 0.05), region_of(0.01, 0.08)).text == "unknown"
    assert ratio(region_of(1.0, 0.05), region_of(math.nan, 0.1)).text == "unknown"


def test_a_ratio_above_one_means_that_the_lesion_strains_less() -> None:
    found = ratio(region_of(1.0, 0.02), region_of(0.5, 0.01))
    assert found.value == pytest.approx(2.0)
    assert found.low < 2.0 < found.high
    assert found.text == f"2.00 ({found.low:.2f} to {found.high:.2f})"
