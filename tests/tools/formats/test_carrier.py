"""A carrier is found where RF has one, and nowhere else."""

import numpy as np
import pytest
from scipy.signal import hilbert

from tests.tools.formats.rf_samples import band_noise, envelope
from tools.formats.carrier import measure_baseband, measure_carrier


@pytest.mark.parametrize("carrier", [0.06, 0.118, 0.2, 0.33, 0.42])
@pytest.mark.parametrize("seed", [1, 2])
def test_frequency_is_measured_within_3_percent(carrier: float, seed: int) -> None:
    frame = band_noise((2000, 64), carrier, bandwidth=0.4, seed=seed)
    found = measure_carrier([frame])
    assert found is not None
    assert found.frequency == pytest.approx(carrier, rel=0.03)
    # Negative control: the same data, taken one octave away, must not pass.
    other = measure_carrier([band_noise((2000, 64), carrier / 2, bandwidth=0.4, seed=seed)])
    assert other is None or other.frequency != pytest.approx(carrier, rel=0.03)


def test_white_noise_does_not_pull_the_frequency() -> None:
    clean = band_noise((2000, 64), 0.1)
    noisy = clean + 0.5 * np.random.default_rng(5).standard_normal(clean.shape)
    found = measure_carrier([noisy])
    assert found is not None
    assert found.frequency == pytest.approx(0.1, rel=0.04)
    frequencies = np.fft.rfftfreq(2000)
    power = (np.abs(np.fft.rfft(noisy, axis=0)) ** 2).sum(1)
    plain = (frequencies * power).sum() / power.sum()
    assert plain > 0.1 * 1.2  # the control: a centroid of everything is off by more than that


@pytest.mark.parametrize(("carrier", "within"), [(0.08, 0.03), (0.25, 0.002)])
@pytest.mark.parametrize("seed", range(3))
def test_noise_up_to_the_signal_is_borne(carrier: float, within: float, seed: int) -> None:
    clean = band_noise((2000, 64), carrier, seed=seed)
    noise = np.random.default_rng(5 + seed).standard_normal(clean.shape)
    # Within a band of 0.6 times the carrier the SNR is 11 and 6 dB. Without its floor taken off, white noise
    # would move the higher carrier by 0.3 to 0.5 %.
    found = measure_carrier([clean + 0.9 * noise])
    assert found is not None
    assert found.frequency == pytest.approx(carrier, rel=within)
    assert measure_carrier([clean + 3 * noise]) is None  # the control: buried, no number is made up


def test_offset_and_broken_lines_change_nothing() -> None:
    frame = band_noise((1000, 64))
    found = measure_carrier([frame])
    offset = measure_carrier([frame + 50.0])
    broken = frame.copy()
    broken[10, 3] = np.nan
    broken[20, 4] = np.inf
    without = measure_carrier([broken])
    assert found is not None
    assert offset is not None
    assert without is not None
    assert offset.frequency == pytest.approx(found.frequency, rel=1e-6)
    assert without.frequency == pytest.approx(found.frequency, rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_no_rf_has_no_carrier(seed: int) -> None:
    frame = band_noise((1000, 64), seed=seed)
    rng = np.random.default_rng(seed)
    assert measure_carrier([frame]) is not None  # the control: the same speckle before detection
    assert measure_carrier([envelope(frame)]) is None
    assert measure_carrier([20 * np.log10(envelope(frame) + 1e-3)]) is None
    assert measure_carrier([np.abs(frame)]) is None
    assert measure_carrier([rng.standard_normal((1000, 64))]) is None
    assert measure_carrier([np.cumsum(rng.standard_normal((1000, 64)), axis=0)]) is None
    assert measure_carrier([np.zeros((1000, 64))]) is None
    assert measure_carrier([frame.T]) is None  # across the lines


def test_smallest_frame_still_shows_its_carrier() -> None:
    found = measure_carrier([band_noise((64, 4), 0.2, bandwidth=0.4)])
    assert found is not None
    assert found.frequency == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("mixed_down_by", [0.17, 0.2, 0.23])
def test_baseband_is_signed(mixed_down_by: float) -> None:
    analytic = hilbert(band_noise((1000, 32), 0.2, bandwidth=0.4), axis=0)
    iq = analytic * np.exp(-2j * np.pi * mixed_down_by * np.arange(1000))[:, None]
    found = measure_baseband([iq.astype(np.complex64)])
    assert found is not None
    assert found.frequency == pytest.approx(0.2 - mixed_down_by, abs=0.004)
    assert measure_baseband([np.zeros((1000, 8), np.complex64)]) is None
