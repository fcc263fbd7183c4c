"""Run an engine on this card: its results beside the network's own, then how long it takes."""

from collections.abc import Callable, Iterator
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
from engine.musse.artefact.parity import DRIFT, PAIRS, failures, measure
from engine.musse.artefact.recurrent import MapsOfPairs, RecurrentMaps
from engine.musse.artefact.subject import Subject, build_command
from engine.musse.chain import HostChain
from engine.musse.checkpoint import load, load_published
from engine.musse.device.chain import DeviceChain
from engine.musse.device.plan import Replace, Runner, unchanged
from engine.musse.device.published import DevicePublished
from engine.musse.device.step import GraphStep
from engine.musse.program import LiveProgram
from engine.musse.published import PublishedEstimator
from engine.musse.published_chain import HostPublished
from engine.musse.runtimes.eager import EagerRuntime
from engine.musse.runtimes.tensorrt import exported
from engine.musse.runtimes.tensorrt_engine import TensorRtModule
from engine.spec import Device, FrameArray, Policy
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

    def chain() -> MapsOfPairs:
        return _on_card(subject, unchanged) if engine == "cuda" else _by_torch(subject, "cuda")

    outcome = _outcome(chain, subject, report)
    return {"parity": outcome.parity, "reason": outcome.reason, **(outcome.times or {})}


class _Outcome(NamedTuple):
    reason: str
    """Why the engine is not used; "" where it may be."""
    parity: dict[str, Any] | None
    times: dict[str, Any] | None


def _outcome(make: Callable[[], MapsOfPairs], subject: Subject, report: Report) -> _Outcome:
    try:
        chain = make()
        report(f"parity over {PAIRS} pairs")
        found = measure(chain, _by_torch(subject, "cpu"), _frames(subject, PAIRS))
        parity, missed = asdict(found), failures(found, subject.policy)
        if subject.recurrent and not missed:
            report(f"drift over {DRIFT} pairs")
            exact = _by_torch(subject, "cuda")  # a CPU would take hours
            late = measure(make(), exact, _frames(subject, DRIFT), skipping=DRIFT - PAIRS)
            parity["drift"] = asdict(late)
            missed = [f"after {DRIFT} pairs {failure}" for failure in failures(late, subject.policy)]
        if missed:
            return _Outcome(f"parity failed: {'; '.join(missed)}", parity, None)
        report("10,000 replays")
        return _Outcome("", parity, benchmark(chain, _frames(subject, 1)))
    except EngineUnavailable as error:  # the frame cannot be captured, or TensorRT cannot load the engine
        return _Outcome(str(error), None, None)


def _frames(subject: Subject, pairs: int) -> Iterator[FrameArray]:
    return pressed_frames(subject.spec, subject.carrier, pairs + 1)


def _by_torch(subject: Subject, device: Device) -> MapsOfPairs:
    """The network in PyTorch in float32 on the CPU; on a card in the subject's precision."""
    on = torch_device(device)
    if subject.recurrent:
        net, manifest = load_published(subject.weights)
        chain = HostPublished(subject.spec, net.to(on), manifest, on)
        return RecurrentMaps(PublishedEstimator(subject.spec, chain))
    policy: Policy = "fp32" if device == "cpu" else subject.policy
    return HostChain(subject.spec, EagerRuntime(subject.weights, device, policy))


def _on_card(subject: Subject, replacing: Replace) -> MapsOfPairs:
    """The whole frame on the card."""
    on = torch_device("cuda")
    if subject.recurrent:
        net, manifest = load_published(subject.weights)
        chain = DevicePublished(
            subject.spec, net, manifest, name="cuda", device=on, make_step=GraphStep, replace=replacing
        )
        return RecurrentMaps(PublishedEstimator(subject.spec, chain))
    live, manifest = load(subject.weights)
    return DeviceChain(
        subject.spec,
        LiveProgram(live),
        manifest,
        name="cuda",
        policy=subject.policy,
        device=on,
        make_step=GraphStep,
        replace=replacing,
    )
