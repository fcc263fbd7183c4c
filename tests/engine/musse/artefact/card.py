"""A card played by the CPU: the module that runs a compiled engine gives way to the network itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
import torch

from engine.factory import shipped_weights
from engine.musse import opening
from engine.musse.artefact import build as building
from engine.musse.artefact import key, parity
from engine.musse.artefact import verify as verifying
from engine.musse.artefact.subject import Subject
from engine.musse.device.frame_program import PairProgram
from engine.musse.device.step import PlainStep
from engine.musse.runtimes.eager import EagerRuntime
from engine.musse.runtimes.tensorrt import CompiledEngine
from engine.spec import EngineSpec
from tests.engine.musse.artefact.test_parity import Off

SPEC: Final = EngineSpec(shape=(500, 24), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
SUBJECT: Final = Subject(spec=SPEC, carrier=0.125, policy="fp32", weights=shipped_weights())
CARD: Final = {"card": "RTX 4060", "capability": [8, 9], "driver": 13000}
MODULES: Final = (building, verifying, opening)
COMPILED: Final[dict[bytes, PairProgram]] = {}


def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compilation gives an engine of no content at once, and the sequences of parity are short."""
    monkeypatch.setattr(building, "compiled", compiled)
    short = {policy: replace(allowed, pairs=2) for policy, allowed in parity.TOLERANCES.items()}
    monkeypatch.setattr(parity, "TOLERANCES", short)
    monkeypatch.setattr(verifying, "PAIRS", 2)
    for module in (building, verifying):
        # exporting takes long; test_key has the digest
        monkeypatch.setattr(module, "exported", lambda pair, inputs: pair)
        monkeypatch.setattr(module, "facts_of", facts)


def compiled(pair: PairProgram, inputs: Any) -> CompiledEngine:
    """Takes no time, and gives an engine whose program `play_card` runs."""
    data = f"engine {len(COMPILED)}".encode() * 100
    COMPILED[data] = pair
    return CompiledEngine(data=data, inputs={"a": 0}, outputs=("b",))


def facts(pair: PairProgram, inputs: Any, policy: str, sha256: str) -> dict[str, Any]:
    """Of the network's parameters and the shapes instead of the exported graph."""
    total = sum(float(parameter.double().sum()) for parameter in pair.parameters())
    shapes = [list(tensor.shape) for tensor in inputs]
    return {"graph": total, "weights": sha256, "policy": policy, "shapes": shapes, **key.card()}


def play_card(
    monkeypatch: pytest.MonkeyPatch,
    factor: float = 1.0,
    make_step: Callable[..., Any] = PlainStep,
    **card: Any,
) -> None:
    """From here on there is a card, whose engines' strain is off by `factor`."""
    for module in MODULES:
        monkeypatch.setattr(module, "has_card", lambda: True)
        monkeypatch.setattr(module, "torch_device", lambda name: torch.device("cpu"))
    for module in (verifying, opening):
        monkeypatch.setattr(module, "GraphStep", make_step)
    for module in (building, verifying):
        monkeypatch.setattr(module, "TensorRtModule", lambda engine: Off(COMPILED[engine.data], factor))
    monkeypatch.setattr(
        verifying,
        "EagerRuntime",
        lambda weights, device="cpu", policy="fp32": EagerRuntime(weights, "cpu", policy),
    )
    monkeypatch.setattr(verifying, "benchmark", lambda *_: {"replays": 0})
    monkeypatch.setattr(key, "card", lambda: {**CARD, **card})
    monkeypatch.setattr(verifying, "card", lambda: {**CARD, **card})
