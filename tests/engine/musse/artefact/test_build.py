"""What is compiled is loaded only after it was verified on the card at hand. `card` plays that card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import EngineNotBuilt, EngineUnavailable
from engine.musse.artefact import store
from engine.musse.artefact import verify as verifying
from engine.musse.artefact.build import build, load_module
from engine.musse.artefact.subject import Subject, build_arguments, build_command
from engine.musse.artefact.verify import Refused, measured, verify
from engine.spec import EngineSpec
from engine.tracking.iq import IqTransform
from tests.engine.musse.artefact.card import COMPILED, SPEC, SUBJECT, play_card, without_compiler
from tests.engine.musse.artefact.test_parity import Off
from tests.engine.musse.published_weights import small_published

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    without_compiler(monkeypatch)


def test_without_a_card_an_engine_is_unverified_and_not_loaded(tmp_path: Path) -> None:
    built = build(SUBJECT, tmp_path)
    assert store.read(built).status == "unverified"
    assert store.content(built, store.PARITY) is None
    remedy = f"is unverified: musse-stream engine verify {built.name}"
    with pytest.raises(EngineNotBuilt, match=remedy) as lacking:
        load_module(SUBJECT, tmp_path, *SUBJECT.program())
    assert lacking.value.arguments == build_arguments(SUBJECT)
    with pytest.raises(EngineUnavailable, match="needs an NVIDIA card; none was found here"):
        verify(built)


def test_verified_on_a_card_it_is_loaded_there_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(SUBJECT, tmp_path)
    play_card(monkeypatch)
    verified = verify(built)
    assert store.read(verified).status == "verified"
    assert store.content(verified, store.PARITY)["pairs"] == 2
    assert not built.exists()  # its key was that of no card
    assert isinstance(load_module(SUBJECT, tmp_path, *SUBJECT.program()).module, Off)
    play_card(monkeypatch, driver=14000)
    with pytest.raises(EngineNotBuilt, match="has not been built for this acquisition: musse-stream"):
        load_module(SUBJECT, tmp_path, *SUBJECT.program())
    with pytest.raises(EngineUnavailable, match="was not compiled of this: musse-stream engine build"):
        verify(verified)


def test_an_engine_that_computes_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_card(monkeypatch, factor=1.05)
    with pytest.raises(Refused, match="the engine is not used: parity failed: strain_nrmse"):
        verify(build(SUBJECT, tmp_path))
    (refused,) = store.folders(tmp_path)
    assert store.read(refused).status == "refused"
    with pytest.raises(EngineUnavailable, match=r"was refused on this card .parity failed") as refusal:
        load_module(SUBJECT, tmp_path, *SUBJECT.program())
    assert not isinstance(refusal.value, EngineNotBuilt)  # building it again would give the same


def no_capture(body: Any) -> Any:
    raise EngineUnavailable("the frame cannot be captured in a CUDA graph: operation not permitted")


def test_an_engine_whose_frame_cannot_be_captured_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(SUBJECT, tmp_path)
    play_card(monkeypatch, make_step=no_capture)
    with pytest.raises(Refused, match="cannot be captured in a CUDA graph: operation not permitted"):
        verify(built)
    with pytest.raises(EngineUnavailable, match=r"refused on this card .the frame cannot be captured"):
        load_module(SUBJECT, tmp_path, *SUBJECT.program())


@pytest.mark.parametrize("engine", ["cuda", "eager"])
def test_engines_without_a_compiler_are_measured_too(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    with pytest.raises(EngineUnavailable, match=f"{engine}.* needs an NVIDIA card"):
        measured(engine, SUBJECT)
    play_card(monkeypatch)
    found = measured(engine, SUBJECT)
    assert (found["reason"], found["parity"]["pairs"], found["replays"]) == ("", 2, 0)
    play_card(monkeypatch, make_step=no_capture)
    assert ("captured" in measured(engine, SUBJECT)["reason"]) == (engine == "cuda")


class Forgetful(torch.nn.Module):
    """The published pair without its memory, as a compiler might make a constant of it."""

    def __init__(self, pair: torch.nn.Module) -> None:
        super().__init__()
        self.pair = pair

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.pair(*inputs[:4], *(torch.zeros_like(values) for values in inputs[4:]))


def test_a_network_with_memory_is_verified_with_it_and_over_a_long_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = replace(SUBJECT, weights=small_published(tmp_path))
    play_card(monkeypatch)
    monkeypatch.setattr(verifying, "DRIFT", 4)
    built = verify(build(subject, tmp_path / "engines"))
    parity = store.content(built, store.PARITY)
    assert (parity["pairs"], parity["drift"]["pairs"]) == (2, 2)
    wide = replace(subject, spec=replace(SPEC, axial_window=4e-3))
    assert build_command(wide).endswith("--axial-window 4")
    monkeypatch.setattr(verifying, "TensorRtModule", lambda engine: Forgetful(COMPILED[engine.data]))
    with pytest.raises(Refused, match=r"parity failed: .*strain_nrmse"):
        verify(built)


def test_a_damaged_engine_is_refused_with_the_command_that_rebuilds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_card(monkeypatch)
    built = verify(build(SUBJECT, tmp_path))
    load_module(SUBJECT, tmp_path, *SUBJECT.program())  # the control
    (built / store.ENGINE).write_bytes(b"other")
    with pytest.raises(EngineNotBuilt, match=r"was changed: engine\.bin: musse-stream engine build"):
        load_module(SUBJECT, tmp_path, *SUBJECT.program())


def test_another_network_needs_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play_card(monkeypatch)
    verify(build(SUBJECT, tmp_path))
    pair, inputs = SUBJECT.program()
    with torch.no_grad():
        next(pair.parameters()).add_(1e-3)
    with pytest.raises(EngineNotBuilt, match="has not been built"):
        load_module(SUBJECT, tmp_path, pair, inputs)


def test_a_subject_survives_the_manifest() -> None:
    assert Subject.from_json(SUBJECT.to_json()) == SUBJECT
    with pytest.raises(EngineUnavailable, match="of another version: build it again"):
        Subject.from_json({"spec": {}})


def test_the_build_command_names_everything_that_chooses_the_engine() -> None:
    assert build_command(SUBJECT) == (
        "musse-stream engine build --shape 500x24 --sampling-frequency 40000000 --center-frequency 5000000 "
        "--line-pitch 0.0003 --carrier 5000000 --precision fp32 --weights live"
    )
    own = Subject(
        spec=EngineSpec(
            shape=(500, 24),
            sampling_frequency=1e8 / 3,
            center_frequency=5e6,
            line_pitch=0.005,
            probe_type="curved",
            probe_radius=0.06,
            sound_speed=1480.0,
        ),
        carrier=0.15,
        policy="fp16-trunk",
        weights=Path("my folder") / "live.safetensors",
    )
    command = build_command(own)
    assert "--sampling-frequency 33333333.333333332" in command
    assert "--weights 'my folder/live.safetensors' --sound-speed 1480 --probe-type curved" in command
    assert build_arguments(own)[:2] == ("engine", "build")


@pytest.mark.parametrize("depth", [200, 500, 1201, 4000])
def test_the_carrier_of_a_grid_chooses_the_same_grid(depth: int) -> None:
    """A build in another process is for the grid that the node is on."""
    transform = IqTransform(replace(SPEC, shape=(depth, 24)))
    for step in range(60):
        grid = transform.grid(0.06 + 0.006 * step)
        rounded = grid.frequency * SPEC.sampling_frequency / SPEC.sampling_frequency
        assert transform.grid(rounded) == grid
