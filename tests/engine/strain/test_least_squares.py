"""Least-squares strain against a plain line fit, at borders and with weights."""

import numpy as np
import pytest

from engine.strain.least_squares import StrainWindow, box_overlap, least_squares_strain

PITCH = 4.0  # samples between rows
WINDOW = 100.0  # samples: 25 rows


def fitted_slope(rows: np.ndarray, values: np.ndarray, weights: np.ndarray) -> float:
    return float(np.polyfit(rows, values, 1, w=np.sqrt(weights))[0])


def test_line_is_recovered_everywhere_also_at_the_borders() -> None:
    rows = np.arange(200) * PITCH
    displacement = np.repeat((3.0 - 0.02 * rows)[:, None], 6, axis=1).astype(np.float32)
    strain = least_squares_strain(displacement, row_pitch=PITCH, axial=WINDOW, lateral=3.0)
    np.testing.assert_allclose(strain, -0.02, atol=2e-6)


def test_equals_a_weighted_line_fit_inside_and_in_the_clipped_window() -> None:
    rng = np.random.default_rng(3)
    displacement = rng.standard_normal((80, 1)).astype(np.float32)
    weight = rng.uniform(0.1, 1.0, (80, 1)).astype(np.float32)
    strain = least_squares_strain(displacement, row_pitch=PITCH, axial=WINDOW, weight=weight)
    rows = np.arange(80) * PITCH
    for center in (0, 5, 40, 79):
        used = slice(max(0, center - 12), min(80, center + 13))
        expected = fitted_slope(rows[used], displacement[used, 0], weight[used, 0])
        assert strain[center, 0] == pytest.approx(expected, abs=1e-6)
    # negative control: the unweighted fit is another one
    assert strain[40, 0] != pytest.approx(
        fitted_slope(rows[28:53], displacement[28:53, 0], np.ones(25)), abs=1e-5
    )


@pytest.mark.parametrize("period", [150.0, 300.0, 600.0])
def test_response_to_a_grating_is_that_of_the_stated_window(period: float) -> None:
    """Over a length T, strain of period P passes by 3 (sin x - x cos x) / x^3 with x = pi T / P."""
    rows = np.arange(600)
    strain = np.cos(2 * np.pi * rows / period)
    displacement = (period / (2 * np.pi) * np.sin(2 * np.pi * rows / period)).astype(np.float32)[:, None]
    measured = least_squares_strain(displacement, row_pitch=1.0, axial=101.0)[100:-100, 0]
    passed = float(np.dot(measured, strain[100:-100]) / np.dot(strain[100:-100], strain[100:-100]))
    x = np.pi * 101.0 / period
    assert passed == pytest.approx(3 * (np.sin(x) - x * np.cos(x)) / x**3, abs=0.01)


def test_windows_need_not_be_whole_cells() -> None:
    overlap, _ = box_overlap(40, 3.0, np.array([10.0, 60.5]), 50.5)
    np.testing.assert_allclose(overlap.sum(axis=0) * 3.0, [10.0 + 1.5 + 25.25, 50.5])


def test_no_weight_gives_no_strain_and_no_warning() -> None:
    displacement = np.ones((64, 4), np.float32)
    strain = least_squares_strain(displacement, row_pitch=1.0, axial=21.0, weight=np.zeros_like(displacement))
    assert np.all(strain == 0.0)


def test_lateral_window_averages_lines() -> None:
    slopes = np.array([0.0, 0.0, 0.03, 0.0, 0.0])
    displacement = (np.arange(100.0)[:, None] * slopes).astype(np.float32)
    strain = least_squares_strain(displacement, row_pitch=1.0, axial=31.0, lateral=3.0)
    np.testing.assert_allclose(strain[50], [0.0, 0.01, 0.01, 0.01, 0.0], atol=1e-6)


def test_tilt_is_taken_out_of_unevenly_weighted_windows() -> None:
    """Motion 2 x across lines and no strain: weights that change with depth must not turn it into strain."""
    rng = np.random.default_rng(5)
    weight = rng.uniform(0.0, 1.0, (7, 80)).astype(np.float32)
    displacement = np.repeat(2.0 * np.arange(7.0)[:, None], 80, axis=1).astype(np.float32)
    window = StrainWindow(
        n_rows=80, row_pitch=PITCH, n_lines=7, output_rows=np.arange(80) * PITCH, axial=WINDOW, lateral=3.0
    )
    tilt = np.full((7, 80), 2.0, np.float32)
    slope, value, _ = window.moments(weight, weight * displacement, tilt).line()
    np.testing.assert_allclose(slope, 0.0, atol=1e-5)
    np.testing.assert_allclose(value[2:-2], displacement[2:-2], atol=1e-3)
    without, _, _ = window.moments(weight, weight * displacement).line()
    assert np.abs(without).max() > 1e-3


def test_output_rows_may_lie_anywhere() -> None:
    rows = np.arange(120) * 2.5
    window = StrainWindow(
        n_rows=120,
        row_pitch=2.5,
        n_lines=4,
        output_rows=np.array([30.0, 123.4]),
        axial=60.0,
        lateral=1.0,
    )
    values = np.tile(0.01 * rows, (4, 1)).astype(np.float32)
    slope, value, spread = window.moments(np.ones_like(values), values).line()
    np.testing.assert_allclose(slope, 0.01, rtol=1e-4)
    np.testing.assert_allclose(value[:, 1], 1.234, rtol=1e-4)
    np.testing.assert_allclose(spread[:, 1], 60.0**2 / 12, rtol=0.03)
