"""Run an engine on this card: its results beside the network's own, then how long it takes."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from engine.errors import EngineError, EngineUnavailable
from engine.musse.artefact import store
from engine.musse.artefact.benchmark import benchmark
from engine.musse.artefact.build import Report, engine_of
from engine.musse.artefact.facts import key_of
from engine.musse.artefact.frames import pressed_frames
from engine.musse.artefact.key import card, facts_of
from engine.musse.artefact.parity import PAIRS, failures, measure
from engine.musse.artefact.subject import Subject, build_command
from engine.musse.chain import Chain, HostChain
from engine.musse.checkpoint import load
from engine.musse.device.chain import DeviceChain
from engine.musse.device.plan import Replace, Runner, unchanged
from engine.musse.device.step import GraphStep
from engine.musse.program import LiveProgram
from engine.musse.runtimes.eager import EagerRuntime
from engine.musse.runtimes.tensorrt import exported
from engine.musse.runtimes.tensorrt_engine import TensorRtModule
from engine.tracking.torch_device import has_card, torch_device

NO_CARD: Final = "needs an NVIDIA card; none was found here"


class Refused(EngineError):
    """An engine computes something else on this card, or cannot run there; the message gives the reason."""


def verify(built: Path, report: Report = lambda step: None) -> Path:
    """Run a compiled engine on this card and keep the outcome with it; returns the folder it lies in now.

    Raises EngineUnavailable without a card, and for an engine that was compiled for another one or of
    something else; Refused where parity or capture fails: the engine is kept as `refused`, with the reason.
    """
    artefact = store.read(built)
    subject = Subject.from_json(artefact.subject)
    if not has_card():
        raise EngineUnavailable(f"verifying a compiled engine {NO_CARD}")
    pair, inputs = subject.program()
    facts = facts_of(exported(pair, inputs), inputs, subject.policy, subject.model_hash())
    if artefact.facts["card"] is None:
        stale = dict(artefact.facts) != {**facts, **dict.fromkeys(card())}
    else:
        stale = artefact.key != key_of(facts)
    if stale:
        raise EngineUnavailable(f"{built.name} was not compiled of this: {build_command(subject)}")
    engine = engine_of(built, artefact)

    def compiled(*_: Any) -> Runner:
        return Runner(TensorRtModule(engine), "tensorrt")

    report("capturing")
    outcome = _outcome(lambda: _on_card(subject, compiled), subject, report)
    artefact = replace(
        artefact,
        key=key_of(facts),
        facts=facts,
        status="refused" if outcome.reason else "verified",
        reason=outcome.reason,
    )
    result = store.write(built.parent, artefact, engine.data, outcome.parity, outcome.times)
    if result != built:
        store.remove(built)
    if outcome.reason:
        raise Refused(f"the engine is not used: {outcome.reason}")
    return result


def measured(engine: str, subject: Subject, report: Report = lambda step: None) -> dict[str, Any]:
    """Parity and times of an engine on the card that needs no compiler, `cuda` or `eager`.

    A failure is its `reason`; "" where there is none. Raises EngineUnavailable without a card.
    """
    if not has_card():
        raise EngineUnavailable(f"engine {engine!r} {NO_CARD}")

    def chain() -> Chain:
        if engine == "cuda":
            return _on_card(subject, unchanged)
        return HostChain(subject.spec, EagerRuntime(subject.weights, "cuda", subject.policy))

    outcome = _outcome(chain, subject, report)
    return {"parity": outcome.parity, "reason": outcome.reason, **(outcome.times or {})}


class _Outcome(NamedTuple):
    reason: str
    """Why the engine is not used; "" where it may be."""
    parity: dict[str, Any] | None
    times: dict[str, Any] | None


def _outcome(make: Callable[[], Chain], subject: Subject, report: Report) -> _Outcome:
    try:
        chain = make()
        report(f"parity over {PAIRS} pairs")
        expected = HostChain(subject.spec, EagerRuntime(subject.weights))
        found = measure(chain, expected, pressed_frames(subject.spec, subject.carrier, PAIRS + 1))
        if missed := failures(found, subject.policy):
            return _Outcome(f"parity failed: {'; '.join(missed)}", asdict(found), None)
        report("10,000 replays")
        times = benchmark(chain, pressed_frames(subject.spec, subject.carrier, 2))
        return _Outcome("", asdict(found), times)
    except EngineUnavailable as error:  # the frame cannot be captured, or TensorRT cannot load the engine
        return _Outcome(str(error), None, None)


def _on_card(subject: Subject, replacing: Replace) -> DeviceChain:
    net, manifest = load(subject.weights)
    return DeviceChain(
        subject.spec,
        LiveProgram(net),
        manifest,
        name="cuda",
        policy=subject.policy,
        device=torch_device("cuda"),
        make_step=GraphStep,
        replace=replacing,
    )
