"""Compile an engine, and load one that was verified on this card: any other is not loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from engine.errors import EngineNotBuilt, EngineUnavailable
from engine.musse.artefact import store
from engine.musse.artefact.facts import key_of
from engine.musse.artefact.key import card, facts_of
from engine.musse.artefact.subject import Subject, build_arguments, build_command
from engine.musse.runtimes.tensorrt import CompiledEngine, compiled, exported
from engine.musse.runtimes.tensorrt_engine import TensorRtModule
from engine.musse.runtimes.without_card import without_card
from engine.tracking.torch_device import has_card, torch_device

Report = Callable[[str], None]
"""Called with a few words for each step that begins."""


def build(subject: Subject, folder: Path, report: Report = lambda step: None) -> Path:
    """Compile an engine into `folder`; returns its folder. It is `unverified`.

    Takes about a minute. Raises EngineError where the compiler refuses the program, EngineUnavailable where
    torch-tensorrt is missing.
    """
    report("exporting")
    pair, inputs = subject.program()
    facts = facts_of(exported(pair, inputs), inputs, subject.policy, subject.model_hash())
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
    return store.write(folder, artefact, engine.data)


class Loaded(NamedTuple):
    """A verified engine as a module."""

    module: nn.Module
    name: str
    """Of its folder."""


def load_module(subject: Subject, folder: Path, pair: nn.Module, inputs: tuple[Tensor, ...]) -> Loaded:
    """The verified engine of a pair program.

    Raises EngineNotBuilt with the command that builds it, or that verifies one which was not run yet;
    EngineUnavailable for one that was refused here.
    """
    facts = facts_of(exported(pair, inputs), inputs, subject.policy, subject.model_hash())
    built = store.folder_of(folder, key_of(facts))
    brought = store.folder_of(folder, key_of({**facts, **dict.fromkeys(card())}))  # built without a card
    if not built.is_dir() and brought.is_dir():
        built = brought
    if not built.is_dir():
        raise _not_built(subject, "engine 'tensorrt' has not been built for this acquisition")
    try:
        artefact = store.read(built)
    except EngineUnavailable as error:
        raise _not_built(subject, str(error)) from error
    if artefact.status == "refused":
        raise EngineUnavailable(
            f"compiled engine {built.name} was refused on this card ({artefact.reason}): use engine cuda, or "
            f"build it again after an update: {build_command(subject)}"
        )
    if artefact.status != "verified":
        raise EngineNotBuilt(
            f"compiled engine {built.name} is {artefact.status}: musse-stream engine verify {built.name}",
            build_arguments(subject),
        )
    if artefact.key != key_of(facts):
        raise _not_built(subject, f"compiled engine {built.name} was verified elsewhere")
    return Loaded(TensorRtModule(engine_of(built, artefact)), built.name)


def engine_of(built: Path, artefact: store.Artefact) -> CompiledEngine:
    """The engine in an artefact's folder."""
    return CompiledEngine(
        data=(built / store.ENGINE).read_bytes(), inputs=dict(artefact.inputs), outputs=artefact.outputs
    )


def _not_built(subject: Subject, why: str) -> EngineNotBuilt:
    return EngineNotBuilt(f"{why}: {build_command(subject)}", build_arguments(subject))
