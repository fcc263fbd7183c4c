"""Engines of the whole frame are opened with what was built and verified. `artefact.card` plays the card."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.errors import EngineNotBuilt, EngineUnavailable
from engine.factory import load, shipped_weights
from engine.musse import opening
from engine.musse.artefact import key
from engine.musse.artefact.build import build as build_engine
from engine.musse.artefact.frames import pressed_frames
from engine.musse.artefact.verify import verify
from engine.musse.opening import opener_of
from engine.spec import FrameArray
from tests.engine.musse.artefact.card import CARD, SPEC, SUBJECT, play_card, without_compiler
from tests.engine.musse.artefact.test_build import no_capture
from tools.cli import app
from tools.engines import building

pytestmark = pytest.mark.usefixtures("one_thread")
OTHER_CARRIER = 6.3e6


@pytest.fixture(autouse=True)
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_compiler(monkeypatch)
    play_card(monkeypatch)
    for module in (opening, building):
        monkeypatch.setattr(module, "engines_folder", lambda: tmp_path)
    monkeypatch.setattr("engine.tracking.torch_device.has_card", lambda: True)


def build(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    assert "verified" in result.output


def pair(carrier: float = SPEC.center_frequency) -> tuple[FrameArray, FrameArray]:
    pre, post = pressed_frames(SPEC, carrier / SPEC.sampling_frequency, 2)
    return pre, post


def test_what_an_engine_lacks_is_built_by_the_arguments_that_it_names() -> None:
    estimator = opener_of("tensorrt", shipped_weights(), "fp32")(SPEC, "cuda")
    assert not estimator.ready(pair()[0])
    with pytest.raises(EngineNotBuilt, match="has not been built for this acquisition") as lacking:
        estimator.propose(*pair())
    build(lacking.value.arguments)
    result = estimator.propose(*pair())
    assert (estimator.name, estimator.ready(pair()[0])) == ("tensorrt", True)
    assert "compiled engine" in estimator.note
    expected = load("onnx")(SPEC, "cpu").propose(*pair())
    sigma = np.median(expected.strain_std[np.isfinite(expected.strain_std)])
    assert np.abs(result.axial_strain - expected.axial_strain).max() < 0.05 * sigma


def test_another_working_grid_needs_another_engine() -> None:
    estimator = opener_of("tensorrt", shipped_weights(), "fp32")(SPEC, "cuda")
    for carrier in (SPEC.center_frequency, OTHER_CARRIER):
        with pytest.raises(EngineNotBuilt) as lacking:
            estimator.propose(*pair(carrier))
        build(lacking.value.arguments)
        estimator.propose(*pair(carrier))
    assert estimator.ready(pair()[0])  # back on the first grid: its plan was kept


def test_each_precision_needs_its_own_engine() -> None:
    whole, half = (
        opener_of("tensorrt", shipped_weights(), policy)(SPEC, "cuda") for policy in ("fp32", "fp16-trunk")
    )
    with pytest.raises(EngineNotBuilt, match="--precision fp32") as lacking:
        whole.propose(*pair())
    build(lacking.value.arguments)
    whole.propose(*pair())
    with pytest.raises(EngineNotBuilt, match="--precision fp16-trunk"):
        half.propose(*pair())
    assert (whole.precision, half.precision) == ("float32", "float16 trunk")


def test_the_best_on_a_card_never_builds_and_names_the_command() -> None:
    best = load("musse")(SPEC, "cuda")
    best.propose(*pair())
    assert best.name == "cuda"
    assert best.note.startswith("not tensorrt: engine 'tensorrt' has not been built for this acquisition: ")
    command = best.note.rpartition("musse-stream ")[2]
    assert command.startswith("engine build --shape 500x24")
    build(tuple(command.split()))
    assert best.name == "cuda"  # decided when the grid was first met
    again = load("auto")(SPEC, "cuda")
    again.propose(*pair())
    assert again.name == "tensorrt"


def test_the_best_takes_no_unverified_engine_and_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(key, "card", lambda: dict.fromkeys(CARD))
        brought = build_engine(SUBJECT, tmp_path)
    best = load("auto")(SPEC, "cuda")
    best.propose(*pair())
    assert best.name == "cuda"
    remedy = f"is unverified: musse-stream engine verify {brought.name}"
    assert best.note == f"not tensorrt: compiled engine {brought.name} {remedy}"
    verify(brought)
    again = load("auto")(SPEC, "cuda")
    again.propose(*pair())
    assert again.name == "tensorrt"


def test_a_frame_that_cannot_be_captured_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "GraphStep", no_capture)
    for name in ("cuda", "best"):
        estimator = opener_of(name, shipped_weights(), "fp32")(SPEC, "cuda")
        with pytest.raises(EngineUnavailable, match="cannot be captured in a CUDA graph: operation not"):
            estimator.propose(*pair())


def test_without_torch_tensorrt_the_best_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.musse.runtimes.tensorrt_package.installed", lambda _: {})
    best = load("musse")(SPEC, "cuda")
    best.propose(*pair())
    assert best.name == "cuda"
    assert best.note.startswith(
        "not tensorrt: it needs torch-tensorrt: pip install 'musse-stream[tensorrt-rtx]'"
    )
