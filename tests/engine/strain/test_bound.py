"""The closed-form bound against figures published from outside, and against the estimator it limits."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import InvalidAcquisition
from engine.strain.bound import BoundCase, explained_ncc, strain_bound, stretch_correlation

CASE = BoundCase(
    center_frequency=5e6,
    fractional_bandwidth=0.6,
    axial_window=2e-3,
    lateral_window=1e-3,
    line_pitch=0.3e-3,
)


def test_known_values() -> None:
    # 12 S / T^3 by hand: S = 1.64e-22 * 0.108, T = 2.6 us, three and a third lines
    assert strain_bound(replace(CASE, correlation=0.95)) == pytest.approx(1.9e-3, rel=0.03)
    assert strain_bound(replace(CASE, in_band_snr_db=27.6)) == pytest.approx(0.34e-3, rel=0.03)
    assert strain_bound(CASE) == 0.0


def test_how_it_scales() -> None:
    noisy = replace(CASE, in_band_snr_db=30.0)
    reference = strain_bound(noisy)
    assert strain_bound(replace(noisy, axial_window=4e-3)) == pytest.approx(reference / 2**1.5)
    assert strain_bound(replace(noisy, lateral_window=4e-3)) == pytest.approx(reference / 2)
    assert strain_bound(replace(noisy, in_band_snr_db=10.0)) == pytest.approx(10 * reference, rel=0.05)
    assert strain_bound(replace(noisy, lateral_window=0.1e-3)) == pytest.approx(
        reference * math.sqrt(1 / 0.3)
    )


def test_a_standard_deviation_explains_the_correlation_it_comes_from() -> None:
    for rho in (0.6, 0.95, 0.999):
        std = strain_bound(replace(CASE, correlation=rho))
        assert explained_ncc(np.array([std]), CASE)[0] == pytest.approx(rho)
        assert explained_ncc(np.array([2 * std]), CASE)[0] < rho  # the control: a wider one explains less
    assert explained_ncc(np.array([np.inf]), CASE)[0] == 0.0


def test_stretched_pulses_correlate_as_field_experience_predicts() -> None:
    for strain, published in ((0.01, 0.9992), (0.02, 0.998), (0.04, 0.992)):
        assert stretch_correlation(strain, 0.6) == pytest.approx(published, abs=0.003)
    assert stretch_correlation(0.0, 0.6) == 1.0


def test_impossible_correlations_are_named() -> None:
    with pytest.raises(InvalidAcquisition, match=r"correlation 1\.2"):
        replace(CASE, correlation=1.2)
