"""Figures of merit on maps whose figures are known, and on maps made to cheat them."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from engine.metrics.accuracy import Accuracy, accuracy, cnre, cycle_skips, mean_preserved, snre
from engine.metrics.calibration import Calibration, calibration, sparsification
from engine.metrics.correlation import in_band, warped_ncc
from engine.metrics.detection import auc, fitted_auc, invented_blobs, matched_filter
from engine.metrics.resolution import edge_width, pooled, spectra

SHAPE = (120, 64)
ALL = np.ones(SHAPE, bool)


def field(seed: int, smooth: float = 4.0) -> NDArray[np.float64]:
    """A random map of mean -1 and standard deviation 0.2."""
    values = gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), smooth, mode="wrap")
    scaled: NDArray[np.float64] = (values - values.mean()) / values.std()
    return -1.0 + 0.2 * scaled


def test_an_estimate_of_known_error() -> None:
    truth = field(1)
    noisy = -1.0 + 0.8 * (truth + 1.0) + 0.05 + 0.1 * np.random.default_rng(2).normal(size=SHAPE)
    found = accuracy(noisy, truth, ALL)
    assert found.bias == pytest.approx(0.05, abs=0.005)
    assert found.contrast_recovery == pytest.approx(0.8, abs=0.02)
    expected = math.hypot(math.hypot(0.2 * 0.2, 0.1), 0.05)
    assert found.rmse == pytest.approx(expected, rel=0.02)
    assert found.nrmse == pytest.approx(expected / 0.2, rel=0.03)


def test_truth_is_perfect_and_its_mean_is_not() -> None:
    truth = field(1)
    perfect, mean = accuracy(truth, truth, ALL), accuracy(np.full(SHAPE, truth.mean()), truth, ALL)
    assert perfect.nrmse == 0.0
    assert perfect.contrast_recovery == pytest.approx(1.0)
    assert mean.nrmse == pytest.approx(1.0)
    assert mean.contrast_recovery == pytest.approx(0.0, abs=1e-12)


def test_pooling_adds_before_it_divides() -> None:
    strong, weak = field(1), -1.0 + 0.01 * (field(2) + 1.0)
    error = 0.05 * np.random.default_rng(3).normal(size=SHAPE)
    parts = [accuracy(truth + error, truth, ALL) for truth in (strong, weak)]
    total = sum(parts, Accuracy())
    by_hand = math.sqrt(2 * np.sum(error**2) / sum(np.sum((t - t.mean()) ** 2) for t in (strong, weak)))
    assert total.nrmse == pytest.approx(by_hand)
    mean_of_ratios = (parts[0].nrmse + parts[1].nrmse) / 2
    assert abs(mean_of_ratios - by_hand) > 1.0  # what must not be done gives something else


def test_uniform_truth_has_no_rel_and_no_truth_no_pixels() -> None:
    assert math.isnan(accuracy(field(1), np.full(SHAPE, -0.01), ALL).nrmse)
    unknown = field(1)
    unknown[:, :32] = np.nan
    assert accuracy(field(1), unknown, ALL).pixels == SHAPE[0] * 32
    assert math.isnan(accuracy(field(1), np.full(SHAPE, np.nan), ALL).rmse)


def test_cycle_skips_count_pixels_beyond_a_quarter_cycle() -> None:
    truth = np.zeros(SHAPE)
    estimate = truth.copy()
    estimate[:12] = 2.1  # of 8 samples per cycle: a quarter is 2
    estimate[12:24] = 1.9
    assert cycle_skips(estimate, truth, ALL, 1 / 8) == pytest.approx(0.1)


def test_snre_and_cnre() -> None:
    rng = np.random.default_rng(4)
    strain = -0.01 + 0.001 * rng.normal(size=SHAPE)
    strain[:, 32:] -= 0.01
    left = np.zeros(SHAPE, bool)
    left[:, :32] = True
    assert snre(strain, left) == pytest.approx(10.0, rel=0.05)
    assert cnre(strain, ~left, left) == pytest.approx(math.sqrt(2 * 0.01**2 / (2 * 0.001**2)), rel=0.05)
    assert snre(np.full(SHAPE, -0.01), ALL) > 1e6  # a constant map wins it


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sigma_mm", [0.0, 0.4, 0.9])
def test_edge_width_is_that_of_the_blur(axis: int, sigma_mm: float) -> None:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    truth = np.where(np.hypot((rows - 60) * 0.15, (cols - 32) * 0.3) < 4.0, -0.5, -1.0)
    pitch = (0.15, 0.3)[axis]
    seen = gaussian_filter1d(truth, sigma_mm / pitch, axis=axis) if sigma_mm else truth
    noisy = seen + 0.05 * np.random.default_rng(5).normal(size=SHAPE)
    assert edge_width(noisy, truth, ALL, pitch, axis) == pytest.approx(2.563 * sigma_mm, rel=0.15, abs=0.25)


def test_mean_preserved_notices_a_shrunken_mean() -> None:
    rows = np.arange(SHAPE[0]) * 8.0
    strain = 0.01 * field(6)
    displacement = np.cumsum(strain, axis=0) * 8.0
    middle = (strain + np.roll(strain, 1, axis=0)) / 2
    inner = ALL.copy()
    inner[:2] = False
    assert mean_preserved(middle, displacement - strain * 4.0, rows, inner) == pytest.approx(1.0, abs=0.01)
    assert mean_preserved(0.9 * middle, displacement, rows, inner) == pytest.approx(0.9, abs=0.01)


def test_calibration_and_its_pooling() -> None:
    rng = np.random.default_rng(7)
    std = rng.uniform(0.5, 2.0, SHAPE)
    truth = field(1)
    estimate = truth + std * rng.normal(size=SHAPE)
    good = calibration(estimate, truth, std, ALL)
    assert (good.z, good.coverage) == pytest.approx((1.0, 0.95), abs=0.03)
    bold = calibration(estimate, truth, std / 2, ALL)
    assert bold.z == pytest.approx(2.0, rel=0.03)
    assert bold.coverage < 0.75
    silent = calibration(estimate, truth, np.full(SHAPE, np.inf), ALL)
    assert silent.pixels == 0
    assert sum([good, silent], Calibration()) == good


def test_sparsification_ranks() -> None:
    rng = np.random.default_rng(8)
    std = rng.uniform(0.1, 3.0, SHAPE)
    truth, estimate = np.zeros(SHAPE), std * rng.normal(size=SHAPE)
    by_std = sparsification(estimate, truth, std, ALL)
    shuffled = sparsification(estimate, truth, rng.permutation(std.ravel()).reshape(SHAPE), ALL)
    oracle = sparsification(estimate, truth, np.abs(estimate), ALL)
    assert oracle.gain == pytest.approx(1.0)
    assert abs(shuffled.gain) < 0.1
    assert 0.4 < by_std.gain < 0.9
    assert by_std.error < shuffled.error


def test_no_blur_changes_coherence_but_noise_does() -> None:
    rng = np.random.default_rng(9)
    parts: dict[str, list[Any]] = {"same": [], "blurred": [], "noisy": [], "other": []}
    for seed in range(16):
        truth = field(seed, smooth=1.5)
        noisy = truth + 0.2 * rng.normal(size=SHAPE)
        maps = {
            "same": truth,
            "blurred": gaussian_filter(noisy, (2.0, 1.0), mode="wrap"),
            "noisy": noisy,
            "other": field(seed + 100, smooth=1.5),
        }
        for name, values in maps.items():
            parts[name].append(spectra(values, truth, (0.15, 0.3)))
    found = {name: pooled(values) for name, values in parts.items()}
    bits = {name: values.information() for name, values in found.items()}
    assert bits["blurred"] == pytest.approx(bits["noisy"], rel=0.1)
    assert bits["same"] > 3 * bits["noisy"]
    assert bits["other"] < 0.1 * bits["noisy"]
    # |H| of a Gaussian blur of 0.3 mm is one half at 1 / (2 pi 0.3) sqrt(2 ln 2) = 0.62 cycles per mm
    assert found["blurred"].resolution(0) == pytest.approx(1 / 0.62, rel=0.15)
    assert found["blurred"].resolution(1) == pytest.approx(1 / 0.62, rel=0.15)


def test_warped_ncc_peaks_at_the_truth_and_sees_overfitting() -> None:
    rng = np.random.default_rng(10)
    z = np.arange(600)[:, None]
    carrier = np.cos(2 * np.pi * z / 8 + rng.uniform(0, 6, 40)) * (1 + 0.3 * np.sin(z / 37))
    post = np.roll(carrier, 2, axis=0)
    rows, columns = np.arange(0, 600, 8.0), np.arange(40.0)
    shape = (len(rows), 40)
    region = np.zeros(shape, bool)
    region[4:-4, 2:-2] = True
    motion = {"rows": rows, "columns": columns, "region": region, "lateral": np.zeros(shape)}
    right = warped_ncc(carrier, post, axial=np.full(shape, 2.0), **motion)
    wrong = warped_ncc(carrier, post, axial=np.full(shape, 3.0), **motion)
    assert right > 0.999
    assert wrong < 0.9


def test_noise_outside_the_band_does_not_count() -> None:
    rng = np.random.default_rng(12)
    pulse = np.cos(2 * np.pi * np.arange(400) / 8)[:, None] * np.ones((1, 16))
    noisy = pulse + rng.normal(size=pulse.shape)
    kept = in_band(noisy, 1 / 8, 0.6)
    assert np.var(kept - pulse) == pytest.approx(0.6 / 8 * 2, rel=0.1)  # of a variance of 1
    assert in_band(pulse, 1 / 8, 0.6) == pytest.approx(pulse)
    assert np.abs(in_band(pulse, 1 / 4, 0.6)).max() < 1e-9  # the control: another band holds none of it


def test_matched_filter_and_auc() -> None:
    rng = np.random.default_rng(11)
    rows, cols = np.mgrid[:40, :40]
    radius = np.hypot(rows - 20, cols - 20)
    template, around = np.where(radius < 8, -0.5, 0.0), radius < 13
    present = [matched_filter(1 + template + rng.normal(size=(40, 40)), template, around) for _ in range(40)]
    absent = [matched_filter(1 + rng.normal(size=(40, 40)), template, around) for _ in range(40)]
    assert np.mean(present) == pytest.approx(1.0, abs=0.1)
    assert np.mean(absent) == pytest.approx(0.0, abs=0.1)
    assert auc(present, absent) > 0.99
    assert fitted_auc(present, absent) == pytest.approx(auc(present, absent), abs=0.03)
    assert auc(absent, absent) == 0.5
    assert math.isnan(auc([], absent))


def test_blobs_are_counted_by_size_and_contrast() -> None:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    truth = np.full(SHAPE, -0.01)

    def blobs(diameter_mm: float, contrast: float) -> int:
        radius = np.hypot((rows - 60) * 0.15, (cols - 32) * 0.3)
        strain = np.where(radius < diameter_mm / 2, contrast * truth, truth)
        return invented_blobs(strain, truth, ALL, (0.15, 0.3))

    assert blobs(4.0, 2.0) == 1
    assert blobs(4.0, 0.5) == 1
    assert blobs(4.0, 1.3) == 0
    assert blobs(2.0, 2.0) == 0
    assert blobs(4.0, -1.0) == 1
