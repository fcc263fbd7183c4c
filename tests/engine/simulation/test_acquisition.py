"""Whole acquisitions: speckle, truth against the images, repeatability."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.signal import hilbert

from engine.errors import InvalidAcquisition
from engine.simulation import Inclusion, SimulatedPair, simulate_acquisition, simulate_pair
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Noise
from engine.simulation.recorded import recorded_pair_truth, rest_displacement, rest_grid
from engine.simulation.rhythm import press_and_release


def correlation_after_warp(pair: SimulatedPair, axial_displacement: np.ndarray) -> float:
    rows, columns = np.mgrid[: pair.pre.shape[0], : pair.pre.shape[1]]
    moved = [rows + axial_displacement, columns + pair.truth.lateral_displacement]
    warped = map_coordinates(pair.post.astype(float), moved, order=5)
    inner = np.s_[40:-60, 6:-6]
    return float(np.corrcoef(pair.pre[inner].ravel(), warped[inner].ravel())[0, 1])


@pytest.mark.parametrize("compression", [-0.005, 0.001, 0.005])
def test_pre_and_warped_post_agree(compression: float) -> None:
    pair = simulate_pair(compression, inclusions=[Inclusion(depth=10e-3, radius=4e-3)], seed=4)
    truth = pair.truth.axial_displacement
    assert correlation_after_warp(pair, truth) > 0.999
    assert correlation_after_warp(pair, -truth) < 0.95  # negative control: the other sign
    assert correlation_after_warp(pair, truth + 0.5) < 0.95  # and half a sample


def test_shifts_have_their_sign_and_unit() -> None:
    pair = simulate_pair(0.0, axial_shift=3.0, lateral_shift=-2.0, shape=(512, 48))
    assert np.allclose(pair.truth.axial_displacement, 3.0, atol=1e-4)
    assert np.allclose(pair.truth.lateral_displacement, -2.0, atol=1e-4)
    assert np.abs(pair.post[103:400, 3:40].astype(int) - pair.pre[100:397, 5:42]).max() <= 1


def test_speckle_is_fully_developed_and_of_nominal_level() -> None:
    pair = simulate_pair(0.0, shape=(2000, 128), seed=2)
    envelope = np.abs(hilbert(pair.pre.astype(float), axis=0))[60:-60]
    assert envelope.mean() / envelope.std() == pytest.approx(1.91, abs=0.06)
    assert pair.pre.std() == pytest.approx(1500, rel=0.03)
    assert np.abs(pair.pre).max() < 32767


def test_noise_has_the_ratio_in_band_that_was_asked_for() -> None:
    clean, noisy = simulate_pair(0.0), simulate_pair(0.0, in_band_snr_db=15.0)
    frequency = np.fft.rfftfreq(1024, 1 / 40e6)
    band = (frequency > 3.5e6) & (frequency < 6.5e6)

    def in_band(frame: np.ndarray) -> float:
        return float((np.abs(np.fft.rfft(frame, axis=0))[band] ** 2).sum())

    noise = noisy.pre.astype(float) - clean.pre
    assert 10 * np.log10(in_band(clean.pre) / in_band(noise)) == pytest.approx(15.0, abs=0.5)
    full_band = 10 * np.log10(clean.pre.astype(float).var() / noise.var())
    assert full_band == pytest.approx(15.0 - 7.6, abs=0.5)
    # and noise of the second frame is another one
    other = noisy.post.astype(float) - clean.post
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02


def test_the_seed_decides_everything() -> None:
    first, again, other = (simulate_pair(0.01, seed=seed, in_band_snr_db=20) for seed in (1, 1, 2))
    assert np.array_equal(first.pre, again.pre)
    assert np.array_equal(first.post, again.post)
    assert abs(np.corrcoef(first.pre.ravel(), other.pre.ravel())[0, 1]) < 0.05


def test_frames_come_in_any_order_and_stored_truth_gives_any_pair() -> None:
    pair = simulate_pair(0.0, shape=(512, 40), inclusions=[Inclusion(depth=5e-3, radius=2e-3, stiffness=3)])
    imaging, field = pair.acquisition.imaging, pair.acquisition.motion.modes[0].field
    press = press_and_release(12, 20.0, peak=0.02, period=1.0, rng=np.random.default_rng(0))
    from engine.simulation.phantom import Phantom

    sequence = simulate_acquisition(
        Phantom(compression=field),
        imaging,
        motion([Mode(field=field, amplitude=press)], lateral_shift=np.linspace(0, 2e-4, 12)),
        effects=[Noise(in_band_snr_db=30)],
    )
    frames = list(sequence.frames())
    assert len(frames) == 12
    assert np.array_equal(frames[7], sequence.frame(7))

    rest = rest_grid(sequence, axial_step=8)
    stored = [rest_displacement(sequence, k, *rest) for k in range(12)]
    rows, columns = np.arange(20, 500, 7, dtype=np.float32), np.arange(0, 40, 3, dtype=np.float32)
    exact = sequence.pair_truth(3, 6, axial_index=rows, lateral_index=columns)
    found = recorded_pair_truth(stored[3], stored[6], rest, axial_index=rows, lateral_index=columns)
    assert np.abs(found.axial_displacement - exact.axial_displacement).max() < 0.02
    assert np.abs(found.lateral_displacement - exact.lateral_displacement).max() < 0.01
    assert np.median(np.abs(found.axial_strain - exact.axial_strain)) < 1e-5
    wrong = recorded_pair_truth(stored[3], stored[5], rest, axial_index=rows, lateral_index=columns)
    assert np.abs(wrong.axial_displacement - exact.axial_displacement).max() > 0.2


def test_a_hand_presses_smoothly_and_never_twice_the_same() -> None:
    press = press_and_release(600, 100.0, peak=0.02, period=1.0, variation=0.1, rng=np.random.default_rng(5))
    assert press[0] == 0
    assert press.min() >= 0
    assert 0.018 <= press.max() <= 0.022
    assert np.abs(np.diff(press)).max() < 0.022 * np.pi / 0.9 / 100 * 1.01
    peaks = [press[i] for i in range(1, 599) if press[i - 1] < press[i] >= press[i + 1]]
    assert len(peaks) in (5, 6)
    assert np.std(peaks) > 1e-4


def test_impossible_requests_are_refused_by_name() -> None:
    with pytest.raises(InvalidAcquisition, match="compression 5"):
        simulate_pair(5.0)
    with pytest.raises(InvalidAcquisition, match="peak compression"):
        press_and_release(10, 30.0, peak=2.0, rng=np.random.default_rng(0))
    with pytest.raises(InvalidAcquisition, match="0 frames"):
        press_and_release(0, 30.0, rng=np.random.default_rng(0))
