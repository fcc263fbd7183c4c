"""What is compiled is loaded only after it was verified on the card at hand.

The card is played by the CPU here: the module that runs an engine gives way to the network itself.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import EngineError, EngineUnavailable
from engine.factory import shipped_weights
from engine.musse.artefact import build as building
from engine.musse.artefact import key, store
from engine.musse.artefact.build import Subject, build, build_command, load_module, verify
from engine.musse.checkpoint import load
from engine.musse.device.frame_program import PairProgram
from engine.musse.device.plan import example_inputs, pair_program
from engine.musse.device.step import PlainStep
from engine.musse.program import LiveProgram
from engine.musse.runtimes.tensorrt import CompiledEngine
from engine.spec import EngineSpec
from engine.tracking.iq import IqTransform
from tests.engine.musse.artefact.test_parity import Off

SPEC = EngineSpec(shape=(500, 24), sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
SUBJECT = Subject(spec=SPEC, carrier=0.125, policy="fp32", weights=shipped_weights())
CARD = {"card": "RTX 4060", "capability": [8, 9], "driver": 13000}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CompiledEngine(data=b"engine" * 100, inputs={"a": 0}, outputs=("b",))
    monkeypatch.setattr(building, "compiled", lambda *_: engine)
    monkeypatch.setattr(
        building, "exported", lambda pair, inputs: pair
    )  # takes long; test_key has the digest
    monkeypatch.setattr(building, "facts_of", facts)
    monkeypatch.setattr(building, "PAIRS", 4)
    monkeypatch.setattr("engine.musse.artefact.parity.TOLERANCES", fewer_pairs())


def facts(pair: PairProgram, inputs: Any, policy: str, sha256: str) -> dict[str, Any]:
    """Of the network's parameters instead of the exported graph."""
    total = sum(float(parameter.double().sum()) for parameter in pair.parameters())
    return {"graph": total, "weights": sha256, "policy": policy, **key.card()}


def fewer_pairs() -> dict[str, Any]:
    from engine.musse.artefact.parity import TOLERANCES

    return {policy: replace(allowed, pairs=4) for policy, allowed in TOLERANCES.items()}


def program() -> tuple[PairProgram, tuple[torch.Tensor, ...]]:
    transform = IqTransform(SPEC)
    grid = transform.grid(SUBJECT.carrier)
    net, _ = load(SUBJECT.weights)
    pair = pair_program(SPEC, grid, LiveProgram(net))
    return pair, example_inputs(transform, grid, pair)


def play_card(monkeypatch: pytest.MonkeyPatch, factor: float = 1.0, **card: Any) -> None:
    """From here on there is a card, whose engines' strain is off by `factor`."""
    monkeypatch.setattr(building, "has_card", lambda: True)
    monkeypatch.setattr(building, "torch_device", lambda name: torch.device("cpu"))
    monkeypatch.setattr(building, "GraphStep", PlainStep)
    monkeypatch.setattr(building, "TensorRtModule", lambda engine: Off(program()[0], factor))
    monkeypatch.setattr(building, "benchmark", lambda *_: {"replays": 0})
    monkeypatch.setattr(key, "card", lambda: {**CARD, **card})


def test_without_a_card_an_engine_is_unverified_and_not_loaded(tmp_path: Path) -> None:
    built = build(SUBJECT, tmp_path)
    assert store.read(built).status == "unverified"
    assert store.content(built, store.PARITY) is None
    with pytest.raises(EngineUnavailable, match="is unverified: musse-stream engine build --shape 500x24"):
        load_module(SUBJECT, tmp_path, *program())
    with pytest.raises(EngineUnavailable, match="needs an NVIDIA card; none was found here"):
        verify(built)


def test_verified_on_a_card_it_is_loaded_there_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(SUBJECT, tmp_path)
    play_card(monkeypatch)
    verified = verify(built)
    assert store.read(verified).status == "verified"
    assert store.content(verified, store.PARITY)["pairs"] == 4
    assert not built.exists()  # its key was that of no card
    assert isinstance(load_module(SUBJECT, tmp_path, *program()), Off)
    play_card(monkeypatch, driver=14000)
    with pytest.raises(EngineUnavailable, match="has not been built for this acquisition: musse-stream"):
        load_module(SUBJECT, tmp_path, *program())
    with pytest.raises(EngineUnavailable, match="was not compiled of this: musse-stream engine build"):
        verify(verified)


def test_an_engine_that_computes_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_card(monkeypatch, factor=1.05)
    with pytest.raises(EngineError, match="parity failed, the engine is not used: strain_nrmse"):
        build(SUBJECT, tmp_path)
    (refused,) = store.folders(tmp_path)
    assert store.read(refused).status == "refused"
    with pytest.raises(EngineUnavailable, match="is refused"):
        load_module(SUBJECT, tmp_path, *program())


def test_a_damaged_engine_is_refused_with_the_command_that_rebuilds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_card(monkeypatch)
    built = build(SUBJECT, tmp_path)
    load_module(SUBJECT, tmp_path, *program())  # the control
    (built / store.ENGINE).write_bytes(b"other")
    with pytest.raises(EngineUnavailable, match=r"was changed: engine\.bin: musse-stream engine build"):
        load_module(SUBJECT, tmp_path, *program())


def test_another_network_needs_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_card(monkeypatch)
    build(SUBJECT, tmp_path)
    pair, inputs = program()
    with torch.no_grad():
        next(pair.parameters()).add_(1e-3)
    with pytest.raises(EngineUnavailable, match="has not been built"):
        load_module(SUBJECT, tmp_path, pair, inputs)


def test_a_subject_survives_the_manifest() -> None:
    assert Subject.from_json(SUBJECT.to_json()) == SUBJECT
    with pytest.raises(EngineUnavailable, match="of another version: build it again"):
        Subject.from_json({"spec": {}})


def test_the_build_command_names_everything_that_chooses_the_engine() -> None:
    assert build_command(SUBJECT) == (
        "musse-stream engine build --shape 500x24 --sampling-frequency 4e+07 --center-frequency 5e+06 "
        "--line-pitch 0.0003 --carrier 5e+06 --precision fp32"
    )
