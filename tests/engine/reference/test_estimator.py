"""The classical engine on pairs of known motion, and the invariances physics asks for."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from engine.errors import EstimateFailed, InvalidAcquisition
from engine.estimator import Estimator
from engine.reference import ReferenceEstimator
from engine.spec import EngineSpec, StrainResult
from tests.engine.moved_scatterers import Pair, Pulse, make_pair

FULL = EngineSpec(shape=(2000, 128), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
SMALL = replace(FULL, shape=(900, 48))
MARGIN = 0.04  # of both sizes, left out of accuracy figures


pytestmark = pytest.mark.usefixtures("one_thread")


def inner(values: np.ndarray) -> np.ndarray:
    rows, cols = (int(np.ceil(MARGIN * n)) for n in values.shape)
    return values[rows:-rows, cols:-cols]


@cache
def compressed(spec: EngineSpec, strain: float, seed: int = 0, offset: float = 0.0) -> Pair:
    pulse = Pulse(cycles_per_sample=spec.center_frequency / spec.sampling_frequency)
    return make_pair(lambda z, x: offset + strain * z, shape=spec.shape, pulse=pulse, seed=seed)


@cache
def engine(spec: EngineSpec) -> ReferenceEstimator:
    return ReferenceEstimator(spec)


def errors(pair: Pair, result: StrainResult) -> np.ndarray:
    return inner(result.axial_displacement - pair.truth(result.axial_index, result.lateral_index))


def assert_accurate(spec: EngineSpec, displacement_error: np.ndarray) -> None:
    """At most 0.05 samples mean absolute error, cycle skips in at most 0.1 % of points."""
    quarter = spec.sampling_frequency / (4 * spec.center_frequency)
    assert np.mean(np.abs(displacement_error)) <= 0.05
    assert np.mean(np.abs(displacement_error) > quarter) <= 0.001


@pytest.mark.parametrize("strain", [-0.005, 0.01, -0.03])
def test_displacement_of_clean_pairs(strain: float) -> None:
    pair = compressed(FULL, strain)
    result = engine(FULL).step(pair.pre, pair.post)
    assert_accurate(FULL, errors(pair, result))
    assert np.mean(inner(result.axial_strain)) == pytest.approx(strain, rel=0.01)
    # negative control: no motion at all is not accurate
    still = replace(result, axial_displacement=np.zeros_like(result.axial_displacement))
    with pytest.raises(AssertionError):
        assert_accurate(FULL, errors(pair, still))


@pytest.mark.parametrize(
    ("sampling_frequency", "center_frequency"), [(20e6, 5e6), (40e6, 2.6e6), (60e6, 10e6), (25e6, 10e6)]
)
def test_other_acquisitions(sampling_frequency: float, center_frequency: float) -> None:
    spec = replace(SMALL, sampling_frequency=sampling_frequency, center_frequency=center_frequency)
    pair = compressed(spec, -0.012)
    assert_accurate(spec, errors(pair, engine(spec).step(pair.pre, pair.post)))


def test_is_an_estimator() -> None:
    estimator: Estimator = engine(SMALL)
    assert (estimator.name, estimator.precision, estimator.model_hash) == ("reference", "float32", None)


def test_no_motion_gives_no_strain() -> None:
    pair = compressed(SMALL, 0.0)
    result = engine(SMALL).step(pair.pre, pair.pre.copy())
    assert np.mean(np.abs(inner(result.axial_displacement))) < 0.01
    assert np.sqrt(np.mean(inner(result.axial_strain) ** 2)) < 2e-4
    assert inner(result.ncc).min() > 0.999


def test_swapping_frames_inverts_the_strain() -> None:
    pair = compressed(SMALL, -0.02)
    forth = engine(SMALL).step(pair.pre, pair.post)
    back = engine(SMALL).step(pair.post, pair.pre)
    assert np.mean(inner(forth.axial_strain)) == pytest.approx(-0.02, rel=0.01)
    assert np.mean(inner(back.axial_strain)) == pytest.approx(0.02 / 0.98, rel=0.01)


def test_rigid_shift_changes_no_strain() -> None:
    plain, shifted = (compressed(SMALL, -0.01, offset=offset) for offset in (0.0, 20.0))
    results = [engine(SMALL).step(pair.pre, pair.post) for pair in (plain, shifted)]
    both = np.isfinite(results[0].strain_std) & np.isfinite(results[1].strain_std)
    difference = (results[1].axial_strain - results[0].axial_strain)[both]
    assert np.sqrt(np.mean(difference**2)) < 3e-4


def test_gain_type_and_memory_order_change_nothing() -> None:
    pair = compressed(SMALL, -0.01)
    expected = engine(SMALL).step(pair.pre, pair.post)
    louder = engine(SMALL).step(pair.pre * np.float32(4096.0), pair.post * np.float32(0.25))
    np.testing.assert_allclose(louder.axial_strain, expected.axial_strain, atol=1e-5)
    frames = [np.rint(frame * 3000).astype(np.int16) for frame in (pair.pre, pair.post)]
    coarse = engine(SMALL).step(*frames)
    np.testing.assert_allclose(inner(coarse.axial_strain), inner(expected.axial_strain), atol=3e-5)
    by_line = [np.asfortranarray(frame) for frame in (pair.pre, pair.post)]
    wide = np.zeros((900, 96), np.float32)
    wide[:, ::2] = pair.post
    for pre, post in (by_line, (pair.pre, wide[:, ::2])):
        again = engine(SMALL).step(pre, post)
        assert np.array_equal(again.axial_strain, expected.axial_strain)


def test_same_input_gives_the_same_bits() -> None:
    pair = compressed(SMALL, -0.01)
    first, second = (ReferenceEstimator(SMALL).step(pair.pre, pair.post) for _ in range(2))
    for name in ("axial_displacement", "lateral_displacement", "axial_strain", "strain_std", "ncc"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_iq_gives_what_rf_gives() -> None:
    pair = compressed(SMALL, -0.01)
    expected = engine(SMALL).step(pair.pre, pair.post)
    phase = np.exp(-2j * np.pi * 0.13 * np.arange(900))[:, None]
    spec = replace(SMALL, kind="iq", demodulation_frequency=0.13 * 40e6)
    frames = []
    for frame in (pair.pre, pair.post):
        spectrum = np.fft.fft(frame, axis=0)
        spectrum[451:] = 0  # positive frequencies only
        frames.append((np.fft.ifft(spectrum, axis=0) * phase).astype(np.complex64))
    result = engine(spec).step(*frames)
    difference = inner(result.axial_displacement - expected.axial_displacement)
    assert np.sqrt(np.mean(difference**2)) < 0.01


def test_dead_rows_hold_no_information() -> None:
    pair = compressed(SMALL, -0.01)
    pre, post = pair.pre.copy(), pair.post.copy()
    pre[700:], post[700:] = 0, 0
    result = engine(SMALL).step(pre, post)
    for name in ("axial_displacement", "lateral_displacement", "axial_strain", "ncc"):
        assert np.all(np.isfinite(getattr(result, name))), name
    assert not np.any(np.isnan(result.strain_std))
    assert np.all(np.isinf(result.strain_std[result.axial_index > 705]))
    alive = (result.axial_index > 60) & (result.axial_index < 640)
    assert np.all(np.isfinite(result.strain_std[alive][:, 4:-4]))
    assert np.mean(result.axial_strain[alive]) == pytest.approx(-0.01, rel=0.02)


def test_unusable_frames_are_named() -> None:
    good = compressed(SMALL, -0.01).pre
    with pytest.raises(InvalidAcquisition, match=r"shape \(899, 48\).*\(900, 48\)"):
        engine(SMALL).step(good[:-1], good)
    with pytest.raises(InvalidAcquisition, match="complex64 samples in an acquisition of kind 'rf'"):
        engine(SMALL).step(good, good.astype(np.complex64))
    with pytest.raises(EstimateFailed, match="no signal"):
        engine(SMALL).step(good, np.zeros_like(good))
    impulse = np.zeros_like(good)
    impulse[10, 3] = impulse[400, 20] = impulse[890, 30] = 1.0
    with pytest.raises(EstimateFailed, match="no carrier"):
        engine(SMALL).step(impulse, good)
    broken = good.copy()
    broken[100, 7] = np.nan
    with pytest.raises(EstimateFailed, match="not finite"):
        engine(SMALL).step(good, broken)


@pytest.mark.parametrize("shape", [(80, 4), (150, 300), (900, 5)])
def test_small_and_odd_shapes_give_finite_maps(shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    for line_pitch in (0.2e-3, 2e-3):
        result = ReferenceEstimator(replace(FULL, shape=shape, line_pitch=line_pitch)).step(frame, frame)
        assert result.axial_strain.shape == (result.axial_index.size, shape[1])
        for name in ("axial_displacement", "lateral_displacement", "axial_strain", "ncc"):
            assert np.all(np.isfinite(getattr(result, name))), name
        assert not np.any(np.isnan(result.strain_std))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"center_frequency": 1e4}, "center_frequency"),
        ({"center_frequency": 19.5e6, "sampling_frequency": 40e6}, "center_frequency"),
        ({"axial_window": 60e-3}, "axial_window 60 mm"),
        ({"line_pitch": 1e-6}, "lateral_window 1 mm"),
    ],
)
def test_an_acquisition_it_cannot_serve_is_refused_when_opened(changes: dict[str, Any], named: str) -> None:
    ReferenceEstimator(FULL)
    with pytest.raises(InvalidAcquisition, match=named):
        ReferenceEstimator(replace(FULL, **changes))
