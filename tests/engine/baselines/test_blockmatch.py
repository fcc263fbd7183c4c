"""The plain block matcher is a fair comparator: right on clean pairs, large std where it cannot match."""

import numpy as np
import pytest

from engine.baselines.blockmatch import BlockMatcher
from engine.errors import EngineUnavailable, InvalidAcquisition
from engine.simulation import simulate_pair
from engine.spec import EngineSpec, StrainResult

SHAPE = (700, 32)


def _errors(compression: float, lateral_shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, StrainResult]:
    pair = simulate_pair(compression, shape=SHAPE, lateral_shift=lateral_shift, in_band_snr_db=30.0, seed=3)
    result = BlockMatcher(pair.spec).step(pair.pre, pair.post)
    truth = pair.acquisition.pair_truth(
        0, 1, axial_index=result.axial_index, lateral_index=result.lateral_index
    )
    inner = (slice(30, -30), slice(4, -4))
    axial = (result.axial_displacement - truth.axial_displacement)[inner]
    lateral = (result.lateral_displacement - truth.lateral_displacement)[inner]
    return axial, lateral, result


@pytest.mark.parametrize("compression", [0.005, 0.02, -0.01])
def test_displacement_and_mean_strain(compression: float) -> None:
    axial, _, result = _errors(compression)
    assert np.sqrt(np.mean(axial**2)) < 0.15
    assert np.mean(result.axial_strain[30:-30, 4:-4]) == pytest.approx(-compression, rel=0.04)
    # negative control: zero motion is not within the tolerance
    assert np.sqrt(np.mean((axial - result.axial_displacement[30:-30, 4:-4]) ** 2)) > 0.15


def test_lateral_motion() -> None:
    _, lateral, _ = _errors(0.005, lateral_shift=1.4)
    assert np.sqrt(np.mean(lateral**2)) < 0.15


def test_a_match_between_samples_is_as_good_as_one_on_a_sample() -> None:
    rng = np.random.default_rng(2)
    spec = EngineSpec(shape=SHAPE, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    frequency = np.fft.rfftfreq(SHAPE[0])
    band = np.exp(-0.5 * ((frequency - 0.125) / 0.03) ** 2)[:, None]
    spectrum = band * np.fft.rfft(rng.normal(size=SHAPE), axis=0)
    frames = [
        np.fft.irfft(spectrum * np.exp(-2j * np.pi * frequency * shift)[:, None], n=SHAPE[0], axis=0)
        for shift in (0.0, 2.0, 2.5)
    ]
    for post, shift in zip(frames[1:], (2.0, 2.5), strict=True):
        result = BlockMatcher(spec).step(*(f.astype(np.float32) for f in (frames[0], post)))
        assert np.median(result.ncc[20:-20]) > 0.995
        assert np.median(result.axial_displacement[20:-20]) == pytest.approx(shift, abs=0.02)


def test_noise_has_no_information() -> None:
    spec = EngineSpec(shape=SHAPE, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    rng = np.random.default_rng(1)
    quiet = BlockMatcher(spec).step(*(rng.normal(size=SHAPE).astype(np.float32) for _ in range(2)))
    assert np.median(quiet.strain_std) > 0.01
    assert np.isfinite(quiet.axial_strain).all()


def test_what_it_does_not_take() -> None:
    spec = EngineSpec(shape=SHAPE, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    with pytest.raises(EngineUnavailable, match="cpu only"):
        BlockMatcher(spec, "cuda")
    with pytest.raises(InvalidAcquisition, match=r"shape \(64, 8\)"):
        BlockMatcher(spec).step(np.zeros((64, 8), np.int16), np.zeros((64, 8), np.int16))
