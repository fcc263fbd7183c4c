"""One pair to one message: no frame or engine makes it raise, and every missing value has a reason."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.baselines.trivial import TrivialEstimator
from engine.errors import EngineNotBuilt
from engine.factory import load
from engine.spec import EngineSpec, StrainResult
from streamer.config import Config
from streamer.config_file import load_config
from streamer.errors import MessageRefused
from streamer.frame import RfFrame, check_samples, view_samples
from streamer.geometry import FrameRegion, engine_spec
from streamer.pairing import FramePair, Pairing
from streamer.reasons import REJECTIONS
from streamer.step import StrainMessage, StrainStep
from streamer.stopwatch import Stopwatch
from streamer.wire import decode, encode
from tests.echo_frames import SHAPE, cycle, echoes, rf_header


def step_for(config: Config, **changes: Any) -> StrainStep:
    header = rf_header(0, **changes)
    region = FrameRegion.whole(header)
    return StrainStep(load("trivial")(engine_spec(header, region, config), "cpu"), region, config)


def frame(index: int, samples: np.ndarray | None = None, **changes: Any) -> RfFrame:
    return RfFrame(rf_header(index, **changes), cycle(index) if samples is None else samples, 0.0)


def sound(message: StrainMessage) -> None:
    """What a display may rely on: it can be sent and read, and it has a value or a reason."""
    header = message.header
    parts = [bytes(part) for part in encode("strain", header, message.arrays)]
    assert decode(parts).header == header
    assert (header.rejection is None) == bool(message.arrays)
    assert header.rejection is None or header.rejection in REJECTIONS
    if message.fused is not None:
        decode([bytes(part) for part in encode("fused", message.fused.header, message.fused.arrays)])


@st.composite
def streams(draw: st.DrawFn) -> list[RfFrame]:
    """Frames as a scanner gone mad would send them, and as the receiver would accept them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frames = []
    index = 0
    for _ in range(draw(st.integers(2, 10))):
        index += draw(st.sampled_from([1, 1, 1, 2, 2**40]))
        gain = np.float32(draw(st.sampled_from([1.0, 1.0, 1.0, 1e-20, 1e-6, 1e6, 1e11])))
        content = draw(st.sampled_from(["cycle", "cycle", "noise", "still", "one line", "one sample"]))
        samples = np.zeros(SHAPE, np.float32)
        if content == "cycle":
            samples[:] = cycle(index % 6)
        elif content == "noise":
            samples[:] = rng.normal(0, 300, SHAPE)
        elif content == "still":
            samples[:] = cycle(0)
        elif content == "one line":
            samples[:, 3] = cycle(0)[:, 3]
        else:
            samples[77, 5] = 1
        frames.append(
            frame(
                index,
                samples * gain,
                dtype="<f4",
                t_acq=draw(st.sampled_from([index * 20_000_000 % 2**62, 0, 2**63 - 1, -(2**63)])),
                clock=draw(st.sampled_from(["device", "device", "unix"])),
                session_id=draw(st.sampled_from(["one", "one", "one", "two"])),
            )
        )
    return frames


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers overflow here, in production too
@pytest.mark.parametrize("mode", ["sequential", "keyframe"])
@settings(max_examples=60, deadline=None)
@given(frames=streams())
def test_no_stream_of_accepted_frames_makes_it_raise(mode: str, frames: list[RfFrame]) -> None:
    config = load_config(None, {"pairing": {"mode": mode}})
    pairing, step = Pairing(config.pairing), step_for(config, dtype="<f4")
    for number, post in enumerate(frames):
        pair = pairing.choose(post, frames[:number])
        message = step.run(pair, Stopwatch())
        sound(message)
        pairing.report_outcome(pair, message.header)


def test_without_an_estimator_every_pair_is_rejected_with_that_reason() -> None:
    step = StrainStep(None, FrameRegion.whole(rf_header(0)), Config())
    message = step.run(FramePair(frame(0), frame(1), None), Stopwatch())
    sound(message)
    assert (message.header.rejection, message.header.engine) == ("engine_error", "none")


@pytest.mark.parametrize(
    ("pre", "post", "interval"),
    [
        ((0, "unix"), (40_000_000, "unix"), 0.04),
        ((0, "unix"), (40_000_000, "device"), None),
        ((40_000_000, "unix"), (40_000_000, "unix"), None),
        ((40_000_000, "unix"), (0, "unix"), None),
        ((0, "unix"), (61 * 10**9, "unix"), None),
    ],
)
def test_the_interval_is_known_only_where_the_clock_ran_on(
    pre: tuple[int, str], post: tuple[int, str], interval: float | None
) -> None:
    pair = FramePair(frame(0, t_acq=pre[0], clock=pre[1]), frame(1, t_acq=post[0], clock=post[1]), None)
    header = step_for(Config()).run(pair, Stopwatch()).header
    assert header.interval == (None if interval is None else pytest.approx(interval))


def test_an_epoch_goes_on_over_a_change_of_geometry() -> None:
    region = FrameRegion.whole(rf_header(0))
    estimator = load("trivial")(
        EngineSpec(shape=SHAPE, sampling_frequency=40e6, center_frequency=5e6, line_pitch=3e-4), "cpu"
    )
    step = StrainStep(estimator, region, Config(), epoch=41)
    assert step.run(FramePair(None, frame(0), "geometry_changed"), Stopwatch()).header.state_epoch == 42


def clean() -> np.ndarray:
    return echoes(0.0).astype(np.float32)


def spoiled(**places: float) -> np.ndarray:
    samples = clean()
    for place, value in enumerate(places.values()):
        samples[place * 7 + 3, 2] = value
    return samples


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (clean(), None),
        (echoes(0.0), None),
        (spoiled(a=math.nan), "not_finite"),
        (spoiled(a=math.inf), "not_finite"),
        (spoiled(a=-math.inf, b=math.inf), "not_finite"),
        (spoiled(a=1.1e15), "not_finite"),
        (spoiled(a=-1.1e15), "not_finite"),
        (spoiled(a=0.9e15), None),
        (np.zeros(SHAPE, np.int16), "no_signal"),
        (np.full(SHAPE, -32768, np.int16), "no_signal"),
        (np.clip(echoes(0.0), -2000, 2000), "saturated"),
        (np.clip(echoes(0.0), -32768, 32767), None),
        ((echoes(0.0) // 200).astype(np.int16), None),  # few levels look like clipping, but are not
        ((clean() + 1j * clean()).astype(np.complex64), None),
        ((clean() + 1j * spoiled(a=math.nan)).astype(np.complex64), "not_finite"),
        (np.zeros(SHAPE, np.complex64), "no_signal"),
    ],
)
@pytest.mark.parametrize("axes", ["axial,lateral", "lateral,axial"])
def test_samples_are_judged_whatever_their_type_and_order(
    samples: np.ndarray, reason: str | None, axes: str
) -> None:
    code = {"i": "<i2", "f": "<f4", "c": "<c8"}[samples.dtype.kind]
    header = rf_header(0, dtype=code, kind="iq" if code == "<c8" else "rf", axes=axes)
    sent = samples if axes == "axial,lateral" else samples.T
    viewed = view_samples(header, np.frombuffer(np.ascontiguousarray(sent).tobytes(), np.uint8))
    np.testing.assert_array_equal(viewed, samples)
    if reason is None:
        check_samples(viewed)
    else:
        with pytest.raises(MessageRefused) as refused:
            check_samples(viewed)
        assert refused.value.reason == reason


def test_a_fusion_that_fails_costs_its_image_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ArithmeticError("no image today")

    step = step_for(Config())
    pair = FramePair(frame(0), frame(1), None)
    assert step.run(pair, Stopwatch()).fused is not None
    monkeypatch.setattr("engine.sequence.fusion.Fusion.update", fail)
    message = step.run(FramePair(frame(1), frame(2), None), Stopwatch())
    sound(message)
    assert message.header.rejection is None
    assert message.fused is None
    assert "no image today" in caplog.text


def test_a_state_that_began_anew_is_a_new_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimator with memory may find that a pair does not go on from the last one."""
    step = step_for(Config())
    estimator = step.estimator
    assert estimator is not None
    propose = estimator.propose
    ages = []
    for index, fresh in enumerate((True, False, False, True, False)):
        monkeypatch.setattr(
            estimator, "propose", lambda *given, fresh=fresh: replace(propose(*given), fresh_state=fresh)
        )
        header = step.run(FramePair(frame(index), frame(index + 1), None), Stopwatch()).header
        assert header.rejection is None
        ages.append((header.state_epoch, header.state_age))
    assert ages == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]


def test_the_fused_header_states_the_lengths_of_errors_in_metres(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = FramePair(frame(0), frame(1), None)
    config = Config()
    estimator = step_for(config).estimator
    assert estimator is not None
    unknown = step_for(config).run(pair, Stopwatch()).fused
    assert unknown is not None
    assert unknown.header.correlation_axial is unknown.header.correlation_lateral is None
    errors = replace(estimator.error_model, correlation=(50.0, 4.0))
    monkeypatch.setattr(type(estimator), "error_model", errors)
    stated = step_for(config).run(pair, Stopwatch()).fused
    assert stated is not None
    assert stated.header.correlation_axial == pytest.approx(50 * estimator.spec.sample_pitch)
    assert stated.header.correlation_lateral == pytest.approx(4 * estimator.spec.line_pitch)
    sound(step_for(config).run(pair, Stopwatch()))


class NotBuilt(TrivialEstimator):
    """Lacks a compiled engine for every pair."""

    def propose(self, *arguments: Any) -> StrainResult:
        raise EngineNotBuilt("no engine was built for this acquisition", ("engine", "build"))


def test_an_engine_that_has_to_be_built_first_ends_the_work_instead_of_rejecting_every_pair() -> None:
    config, header = Config(), rf_header(0)
    region = FrameRegion.whole(header)
    step = StrainStep(NotBuilt(engine_spec(header, region, config)), region, config)
    assert step.run(FramePair(None, frame(0), "first"), Stopwatch()).header.rejection == "first"
    with pytest.raises(EngineNotBuilt, match="no engine was built"):
        step.run(FramePair(frame(0), frame(1), None), Stopwatch())
