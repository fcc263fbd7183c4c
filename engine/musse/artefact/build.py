"""Compile an engine, verify it on a card, and load it: an engine that was not verified here is not loaded."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from engine.errors import EngineError, EngineUnavailable
from engine.musse.artefact import store
from engine.musse.artefact.benchmark import benchmark
from engine.musse.artefact.facts import key_of
from engine.musse.artefact.frames import pressed_frames
from engine.musse.artefact.key import card, facts_of
from engine.musse.artefact.parity import PAIRS, failures, measure
from engine.musse.chain import HostChain
from engine.musse.checkpoint import load
from engine.musse.device.chain import DeviceChain
from engine.musse.device.frame_program import PairProgram
from engine.musse.device.plan import Replace, example_inputs, pair_program
from engine.musse.device.step import GraphStep
from engine.musse.program import LiveProgram
from engine.musse.runtimes.eager import EagerRuntime
from engine.musse.runtimes.policy import with_policy
from engine.musse.runtimes.tensorrt import CompiledEngine, compiled, exported
from engine.musse.runtimes.tensorrt_engine import TensorRtModule
from engine.musse.runtimes.without_card import without_card
from engine.spec import EngineSpec, Policy
from engine.tracking.iq import IqTransform
from engine.tracking.torch_device import has_card, torch_device

Report = Callable[[str], None]
"""Called with a few words for each step that begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an engine is compiled of."""

    spec: EngineSpec
    carrier: float
    """Cycles per sample: chooses the working grid."""
    policy: Policy
    weights: Path

    def to_json(self) -> dict[str, Any]:
        """Everything but computed values, for a manifest."""
        return {
            "spec": asdict(self.spec),
            "carrier": self.carrier,
            "policy": self.policy,
            "weights": str(self.weights),
        }

    @staticmethod
    def from_json(raw: Mapping[str, Any]) -> "Subject":
        """The subject of a manifest. Raises EngineUnavailable for one of another version."""
        try:
            given = {field.name: raw["spec"][field.name] for field in fields(EngineSpec)}
            given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
            return Subject(
                spec=EngineSpec(**given),
                carrier=float(raw["carrier"]),
                policy=raw["policy"],
                weights=Path(raw["weights"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EngineUnavailable("the compiled engine is of another version: build it again") from error


def build(subject: Subject, folder: Path, report: Report = lambda step: None) -> Path:
    """Compile an engine into `folder`; with a card also verify it. Returns its folder.

    Takes about a minute. Without a card the engine is `unverified`. Raises EngineError where the compiler
    refuses the program or parity fails, EngineUnavailable where torch-tensorrt is missing.
    """
    pair, inputs = _program(subject)
    report("exporting")
    facts = facts_of(exported(pair, inputs), inputs, subject.policy, _model_hash(subject))
    report("compiling")
    if has_card():
        device = torch_device("cuda")
        engine = compiled(pair.to(device), [tensor.to(device) for tensor in inputs])
    else:
        with without_card():
            engine = compiled(pair, inputs)
    artefact = store.Artefact(
        key=key_of(facts),
        facts=facts,
        status="unverified",
        inputs=engine.inputs,
        outputs=engine.outputs,
        subject=subject.to_json(),
    )
    written = store.write(folder, artefact, engine.data)
    return verify(written, report) if has_card() else written


def verify(built: Path, report: Report = lambda step: None) -> Path:
    """Run an engine on this card and keep the outcome with it; returns the folder it lies in now.

    Raises EngineUnavailable without a card, and for an engine that was compiled for another one or of
    something else; EngineError where parity fails: the engine is kept as `refused`.
    """
    artefact = store.read(built)
    subject = Subject.from_json(artefact.subject)
    if not has_card():
        raise EngineUnavailable("verifying a compiled engine needs an NVIDIA card; none was found here")
    pair, inputs = _program(subject)
    facts = facts_of(exported(pair, inputs), inputs, subject.policy, _model_hash(subject))
    if artefact.facts["card"] is None:
        stale = dict(artefact.facts) != {**facts, **dict.fromkeys(card())}
    else:
        stale = artefact.key != key_of(facts)
    if stale:
        raise EngineUnavailable(f"{built.name} was not compiled of this: {build_command(subject)}")
    engine = _engine(built, artefact)
    report("capturing")
    chain = _chain(subject, lambda pair, inputs, grid: TensorRtModule(engine))
    report("parity over 64 pairs")
    found = measure(
        chain,
        HostChain(subject.spec, EagerRuntime(subject.weights)),
        pressed_frames(subject.spec, subject.carrier, PAIRS + 1),
    )
    missed = failures(found, subject.policy)
    report("10,000 replays")
    times = None if missed else benchmark(chain, pressed_frames(subject.spec, subject.carrier, 2))
    artefact = replace(artefact, key=key_of(facts), facts=facts, status="refused" if missed else "verified")
    result = store.write(built.parent, artefact, engine.data, asdict(found), times)
    if result != built:
        store.remove(built)
    if missed:
        raise EngineError(f"parity failed, the engine is not used: {'; '.join(missed)}")
    return result


def load_module(subject: Subject, folder: Path, pair: PairProgram, inputs: tuple[Tensor, ...]) -> nn.Module:
    """The verified engine of a pair program. Raises EngineUnavailable with the command that builds it."""
    remedy = build_command(subject)
    facts = facts_of(exported(pair, inputs), inputs, subject.policy, _model_hash(subject))
    built = store.folder_of(folder, key_of(facts))
    if not built.is_dir():
        raise EngineUnavailable(f"engine 'tensorrt' has not been built for this acquisition: {remedy}")
    try:
        artefact = store.read(built)
    except EngineUnavailable as error:
        raise EngineUnavailable(f"{error}: {remedy}") from error
    if artefact.key != key_of(facts) or artefact.status != "verified":
        raise EngineUnavailable(f"compiled engine {built.name} is {artefact.status}: {remedy}")
    return TensorRtModule(_engine(built, artefact))


def build_command(subject: Subject) -> str:
    """The command line that builds an engine."""
    spec = subject.spec
    words = [
        "musse-stream engine build",
        f"--shape {spec.shape[0]}x{spec.shape[1]}",
        f"--sampling-frequency {spec.sampling_frequency:g}",
        f"--center-frequency {spec.center_frequency:g}",
        f"--line-pitch {spec.line_pitch:g}",
        f"--carrier {subject.carrier * spec.sampling_frequency:.6g}",
        f"--precision {subject.policy}",
    ]
    for name, default in (("sound_speed", 1540.0), ("probe_type", "linear"), ("probe_radius", 0.0)):
        if getattr(spec, name) != default:
            words.append(f"--{name.replace('_', '-')} {getattr(spec, name)}")
    return " ".join(words)


def _program(subject: Subject) -> tuple[PairProgram, tuple[Tensor, ...]]:
    """The pair program on the CPU, and example inputs."""
    net, _ = load(subject.weights)
    transform = IqTransform(subject.spec)
    grid = transform.grid(subject.carrier)
    pair = pair_program(subject.spec, grid, with_policy(LiveProgram(net), subject.policy))
    return pair, example_inputs(transform, grid, pair)


def _chain(subject: Subject, replacing: Replace) -> DeviceChain:
    net, manifest = load(subject.weights)
    return DeviceChain(
        subject.spec,
        LiveProgram(net),
        manifest,
        name="tensorrt",
        policy=subject.policy,
        device=torch_device("cuda"),
        make_step=GraphStep,
        replace=replacing,
    )


def _engine(built: Path, artefact: store.Artefact) -> CompiledEngine:
    return CompiledEngine(
        data=(built / store.ENGINE).read_bytes(), inputs=dict(artefact.inputs), outputs=artefact.outputs
    )


def _model_hash(subject: Subject) -> str:
    return load(subject.weights)[1].model_hash
