"""The network as an engine: equal on every runtime, and as steady as physics asks."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from engine.errors import EstimateFailed, InvalidAcquisition
from engine.factory import load, shipped_weights
from engine.musse.chain import HostChain
from engine.musse.estimator import MusseEstimator
from engine.musse.manifest import MeasuredErrors
from engine.musse.program_io import LiveOutputs
from engine.musse.runtimes.onnx import OnnxRuntime
from engine.spec import EngineSpec, FloatArray, StrainResult
from engine.tracking.iq import IqTransform
from tests.engine.moved_scatterers import Pair, Pulse, make_pair

SPEC = EngineSpec(shape=(900, 48), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
MAPS = ("axial_displacement", "lateral_displacement", "axial_strain", "strain_std", "ncc")


@cache
def runtime() -> OnnxRuntime:
    return OnnxRuntime(shipped_weights().with_suffix(".onnx"))


def onnx(spec: EngineSpec = SPEC) -> MusseEstimator:
    return MusseEstimator(spec, HostChain(spec, runtime()))


@cache
def pressed(strain: float = -0.01, spec: EngineSpec = SPEC, seed: int = 0) -> Pair:
    pulse = Pulse(cycles_per_sample=spec.center_frequency / spec.sampling_frequency)
    return make_pair(lambda z, x: strain * z, shape=spec.shape, pulse=pulse, seed=seed)


@cache
def answer(strain: float = -0.01) -> StrainResult:
    pair = pressed(strain)
    return onnx().step(pair.pre, pair.post)


def inner(values: FloatArray) -> FloatArray:
    return values[5:-5, 2:-2]


def assert_equal(one: StrainResult, other: StrainResult) -> None:
    for name in (*MAPS, "axial_index", "lateral_index"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


# --- the same on every runtime, in every order


@pytest.mark.parametrize("shape", [(700, 40), pytest.param((1201, 53), marks=pytest.mark.long)])
def test_onnx_equals_eager_over_a_sequence(shape: tuple[int, int]) -> None:
    """64 frames of a hand that presses and lets go, at sizes that the program was not exported for."""
    spec = replace(SPEC, shape=shape)
    estimators = [load(name)(spec, "cpu") for name in ("onnx", "eager")]
    levels = 0.004 * np.sin(np.arange(65) * 0.7)
    depth = np.arange(shape[0])
    still = pressed(0.0, spec).pre
    frames = [
        np.array([np.interp(depth * (1 + level), depth, line) for line in still.T], np.float32).T
        for level in levels
    ]
    worst = {"axial_displacement": 0.0, "axial_strain": 0.0}
    moved = 0.0
    for pre, post in pairwise(frames):
        one, other = (estimator.step(pre, post) for estimator in estimators)
        for name, most in worst.items():
            worst[name] = max(most, float(np.abs(getattr(one, name) - getattr(other, name)).max()))
        moved = max(moved, float(np.abs(one.axial_displacement).max()))
    assert worst["axial_displacement"] < 1e-3
    assert worst["axial_strain"] < 1e-4
    assert moved > 0.5  # the control: there was something to agree on


def test_a_sequence_in_one_estimator_equals_fresh_estimators() -> None:
    frames = [pressed(level).post for level in (-0.004, -0.008, -0.012, -0.006)]
    frames.insert(2, frames[0])  # and a pair whose pre is not the last post
    estimator = onnx()
    for pre, post in [*pairwise(frames), (frames[0], frames[4])]:
        assert_equal(estimator.step(pre, post), onnx().step(pre, post))
    with pytest.raises(AssertionError):  # the control
        assert_equal(estimator.step(frames[0], frames[1]), estimator.step(frames[1], frames[0]))


def test_a_frame_changed_in_place_is_no_frame_seen_before() -> None:
    """The ring's slots are overwritten, so the estimator must store copies."""
    pre, post, later = pressed().pre, pressed().post.copy(), pressed(-0.02).post
    estimator = onnx()
    estimator.step(pre, post)
    post[:] = later
    assert_equal(estimator.step(post, pre), onnx().step(later, pre))


def test_type_and_memory_order_change_nothing() -> None:
    pair = pressed()
    by_line = onnx().step(np.asfortranarray(pair.pre), np.asfortranarray(pair.post))
    assert_equal(by_line, answer())
    wide = np.zeros((900, 96), np.float32)
    wide[:, ::2] = pair.post
    assert_equal(onnx().step(pair.pre, wide[:, ::2]), answer())
    whole = [np.rint(frame * 3000).astype(np.int16) for frame in (pair.pre, pair.post)]
    difference = onnx().step(*whole).axial_strain - answer().axial_strain
    assert np.abs(inner(difference)).max() < 3e-4
    floats = [frame.astype(np.float32) for frame in whole]
    assert_equal(onnx().step(*whole), onnx().step(*floats))


def test_iq_gives_what_rf_gives() -> None:
    phase = np.exp(-2j * np.pi * 0.13 * np.arange(900))[:, None]
    spec = replace(SPEC, kind="iq", demodulation_frequency=0.13 * 40e6)
    frames = []
    for frame in (pressed().pre, pressed().post):
        spectrum = np.fft.fft(frame, axis=0)
        spectrum[451:] = 0  # positive frequencies only
        frames.append((np.fft.ifft(spectrum, axis=0) * phase).astype(np.complex64))

    def difference(spec: EngineSpec) -> float:
        moved = onnx(spec).step(*frames).axial_displacement - answer().axial_displacement
        return float(np.sqrt(np.mean(inner(moved) ** 2)))

    assert difference(spec) < 0.012  # IQ loses its mean, which RF does not have
    # the control: a carrier that is 4 % off, which puts displacement on another scale
    assert difference(replace(spec, demodulation_frequency=0.135 * 40e6)) > 0.05


@pytest.mark.parametrize("cycles", [0.06, 0.125, 0.25, 0.45])
def test_probes_from_coarse_to_critically_sampled(cycles: float) -> None:
    """At 0.45 cycles per sample the upper half of the band is lost: the pulse is narrower there."""
    spec = replace(SPEC, center_frequency=cycles * SPEC.sampling_frequency)
    pulse = Pulse(cycles_per_sample=cycles, bandwidth=0.6 if cycles < 0.3 else 0.15)
    quarter = 1 / (4 * cycles)  # samples

    def far_and_bias(strain: float, start: float) -> tuple[float, float]:
        """Share of displacements wrong by a quarter of a cycle, and mean strain over -1 %, minus 1."""
        pair = make_pair(lambda z, x: strain * z + start, shape=spec.shape, pulse=pulse)
        result = onnx(spec).step(pair.pre, pair.post)
        error = result.axial_displacement + 0.01 * result.axial_index[:, None]
        far = np.mean(np.abs(inner(error)) > quarter)
        return float(far), abs(float(np.mean(inner(result.axial_strain))) / -0.01 - 1)

    far, bias = far_and_bias(-0.01, 0.0)
    assert far < 0.01
    assert bias < 0.03
    far, bias = far_and_bias(-0.0105, 2 * quarter)  # the control: 5 % more, from half a cycle on
    assert far > 0.5
    assert bias > 0.03


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_a_wrong_center_frequency_in_the_header_changes_little(factor: float) -> None:
    """By construction: the carrier is measured, and the header only determines the padding."""
    spec = replace(SPEC, center_frequency=factor * SPEC.center_frequency)
    assert header_error(spec) < 0.01


def test_a_carrier_taken_from_the_header_would_change_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control. At a factor of 0.7 phase passes still make up for it; here half of the band is cut off."""
    spec = replace(SPEC, center_frequency=0.3 * SPEC.center_frequency)
    assert header_error(spec) < 0.01
    monkeypatch.setattr(IqTransform, "carrier", lambda self, band: self.nominal_carrier())
    assert header_error(spec) > 0.01


def header_error(spec: EngineSpec) -> float:
    """RMS change of strain for another header, as a fraction of strain."""
    result = onnx(spec).step(pressed().pre, pressed().post)
    at = [
        np.interp(np.arange(100, 800), r.axial_index, r.axial_strain.mean(axis=1)) for r in (result, answer())
    ]
    return float(np.sqrt(np.mean((at[0] - at[1]) ** 2)) / 0.01)


# --- what no frame may do to it


def test_dead_rows_and_lines_hold_no_information() -> None:
    pre, post = (frame.copy() for frame in (pressed().pre, pressed().post))
    for frame in (pre, post):
        frame[700:] = 0
        frame[300:360] = 0
        frame[:, :8] = 0
    result = onnx().step(pre, post)
    for name in ("axial_displacement", "lateral_displacement", "axial_strain", "ncc"):
        assert np.isfinite(getattr(result, name)).all(), name
    rows, lines = result.axial_index, result.lateral_index
    dead_rows = (rows > 716) | ((rows > 316) & (rows < 344))
    assert np.isinf(result.strain_std[dead_rows]).all()
    assert np.isinf(result.strain_std[:, lines < 6]).all()
    assert np.isfinite(answer().strain_std[dead_rows]).all()  # the control: finite from live elements
    assert np.isfinite(answer().strain_std[:, lines < 6]).all()
    alive = (rows > 420) & (rows < 640)
    assert np.isfinite(result.strain_std[alive][:, 8:-2]).all()
    assert np.mean(result.axial_strain[alive][:, 8:-2]) == pytest.approx(-0.01, rel=0.05)
    others = answer(-0.011).axial_strain[alive][:, 8:-2]
    assert np.mean(others) != pytest.approx(-0.01, rel=0.05)  # the control: another strain differs


def test_unusable_frames_are_named() -> None:
    good = pressed().pre
    with pytest.raises(InvalidAcquisition, match=r"shape \(899, 48\).*\(900, 48\)"):
        onnx().step(good[:-1], good)
    with pytest.raises(EstimateFailed, match="no signal"):
        onnx().step(good, np.zeros_like(good))
    broken = good.copy()
    broken[100, 7] = np.nan
    with pytest.raises(EstimateFailed, match="not finite"):
        onnx().step(good, broken)


def test_frames_too_small_are_refused_by_name() -> None:
    narrow = replace(SPEC, shape=(900, 12))
    frame = pressed(spec=narrow).pre
    with pytest.raises(InvalidAcquisition, match=r"x 6 cells of one cycle.*8 x 8: use engine reference"):
        onnx(narrow).step(frame, frame)
    shallow = replace(SPEC, shape=(96, 48), center_frequency=2.4e6)
    frame = pressed(spec=shallow).pre
    with pytest.raises(EstimateFailed, match=r"6 cycles of its carrier deep.*motion needs 8"):
        onnx(shallow).step(frame, frame)


def test_iq_of_an_impossible_carrier_is_refused_before_it_takes_memory() -> None:
    mixed = replace(SPEC, kind="iq", demodulation_frequency=5e6 * 1e3)  # the unit was taken twice
    with pytest.raises(InvalidAcquisition, match=r"demodulation_frequency 5e\+09 Hz.*cycles per sample"):
        onnx(mixed)
    deep = replace(SPEC, kind="iq", shape=(4096, 256), demodulation_frequency=90e6)
    with pytest.raises(InvalidAcquisition, match=r"too many in frames of 4096 x 256"):
        IqTransform(deep)
    IqTransform(replace(deep, demodulation_frequency=80e6))


@pytest.mark.parametrize("carrier", [0.0, 1e-12, 1e-4])
def test_iq_that_does_not_turn_is_refused_by_name(carrier: float) -> None:
    transform = IqTransform(replace(SPEC, kind="iq", demodulation_frequency=0.0))
    with pytest.raises(EstimateFailed, match=r"0\.5 cycles of its carrier deep.*motion needs 8"):
        transform.grid(carrier)


def test_values_that_are_not_finite_are_not_handed_on() -> None:
    class Broken:
        name, precision, model_hash, errors = "broken", "float32", "", MeasuredErrors()
        at_once = False

        def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
            maps = runtime().run(inputs)
            return maps._replace(strain=np.full_like(maps.strain, np.nan))

    with pytest.raises(EstimateFailed, match=r"not finite \(broken\)"):
        MusseEstimator(SPEC, HostChain(SPEC, Broken())).step(pressed().pre, pressed().post)
