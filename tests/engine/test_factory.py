"""Engines by their names, and the errors that prevent opening one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine import open_estimator
from engine.errors import EngineUnavailable, InvalidAcquisition
from engine.factory import ENGINES, ON_CARD, load, model_hash, resolve, shipped_weights
from engine.spec import EngineSpec
from engine.tracking.torch_device import has_card
from tests.echo_frames import SHAPE, STRAIN, echoes

HAS_CARD = has_card()
CONSTANTS: dict[str, Any] = {
    "shape": SHAPE,
    "sampling_frequency": 40e6,
    "center_frequency": 4.8e6,
    "line_pitch": 3e-4,
}


@pytest.mark.parametrize("name", [name for name in ENGINES if HAS_CARD or name not in ON_CARD])
def test_every_engine_opens_by_its_name_and_measures(name: str) -> None:
    estimator = open_estimator(name, **CONSTANTS)
    assert estimator.name == name
    result = estimator.step(echoes(0.0), echoes(STRAIN))
    assert np.median(result.axial_strain) == pytest.approx(-STRAIN, rel=0.1)
    assert np.median(estimator.step(echoes(STRAIN), echoes(0.0)).axial_strain) > 0  # the control


SPEC = EngineSpec(**CONSTANTS)


def test_auto_is_the_network_inside_the_range_it_was_trained_on() -> None:
    assert resolve("auto") == ("auto", "auto: decided for each acquisition")
    assert resolve("auto", None, SPEC) == ("onnx", "auto: onnx, the fastest runtime on a CPU")
    assert open_estimator("auto", **CONSTANTS).name == "onnx"
    assert load("auto")(SPEC, "cpu").model_hash == model_hash("onnx")


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({"center_frequency": 15e6}, "center frequency 15 MHz; trained on 2.5 to 12"),
        ({"sampling_frequency": 100e6}, "carrier 0.048 cycles per sample; trained on 0.07 to 0.38"),
        ({"line_pitch": 1e-3}, "line spacing 1 mm; trained on 0.12 to 0.75"),
        ({"shape": (8000, 32)}, "depth 960 cycles; trained on 16 to 400"),
        (
            {"probe_type": "curved", "probe_radius": 0.06, "line_pitch": 4e-3},
            "a curved probe; trained on linear",
        ),
    ],
)
def test_auto_is_the_classical_engine_outside_it_with_the_reason(
    changes: dict[str, Any], objection: str
) -> None:
    spec = replace(SPEC, **changes)
    name, why = resolve("auto", None, spec)
    assert name == "reference"
    assert why == f"auto: reference, because the network is not trusted here: {objection}"
    assert load("auto")(spec, "cpu").name == "reference"


def test_auto_trusts_no_weights_without_a_stated_range(tmp_path: Path) -> None:
    for ending in (".safetensors", ".onnx"):
        shutil.copy(shipped_weights().with_suffix(ending), tmp_path)
    manifest = json.loads(shipped_weights().with_suffix(".json").read_text())
    del manifest["trusted_range"]
    (tmp_path / "live.json").write_text(json.dumps(manifest))
    name, why = resolve("auto", tmp_path / "live.safetensors", SPEC)
    assert (name, why.rpartition(": ")[2]) == ("reference", "weights without a stated range")


def test_a_name_is_what_was_asked_for() -> None:
    assert resolve("musse") == ("onnx", "musse: onnx, the fastest runtime on a CPU")
    assert resolve("trivial") == ("trivial", "trivial: as asked")


def test_a_runtime_that_the_device_has_is_chosen() -> None:
    assert resolve("musse", device="cuda")[0] == resolve("auto", None, SPEC, "cuda")[0] == "cuda"
    name, why = resolve("auto", None, replace(SPEC, kind="iq"), "cuda")
    assert (name, why) == ("eager", "auto: eager, because the whole frame runs on a card for RF only, not iq")
    for name in ("musse", "auto"):
        if HAS_CARD:
            assert open_estimator(name, **CONSTANTS, device="cuda").name == "cuda"
            continue
        with pytest.raises(EngineUnavailable, match=r"engine 'cuda' needs an NVIDIA card.*and finds none"):
            open_estimator(name, **CONSTANTS, device="cuda")


@pytest.mark.parametrize("name", ["Reference", "musse-net", "", "os.system"])
def test_an_unknown_name_is_answered_with_those_that_exist(name: str) -> None:
    with pytest.raises(
        EngineUnavailable, match="choose one of: auto, musse, reference, onnx, eager, cuda, tensorrt, trivial"
    ):
        open_estimator(name, **CONSTANTS)


def test_a_device_that_is_not_here_is_named() -> None:
    with pytest.raises(EngineUnavailable, match="no device 'tpu'; choose one of: cpu, cuda"):
        open_estimator("reference", **CONSTANTS, device="tpu")  # type: ignore[arg-type]  # notebooks are not type-checked
    with pytest.raises(EngineUnavailable, match="cpu only"):
        open_estimator("trivial", **CONSTANTS, device="cuda")
    if not torch.cuda.is_available():
        with pytest.raises(EngineUnavailable, match="no CUDA device here; choose device 'cpu'"):
            open_estimator("reference", **CONSTANTS, device="cuda")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"shape": (63, 16)}, "at least 64 axial samples and 4 lines"),
        ({"shape": (512, 3)}, "at least 64 axial samples and 4 lines"),
        ({"sampling_frequency": 0.0}, "sampling_frequency = 0.0"),
        ({"center_frequency": float("nan")}, "center_frequency = nan"),
        ({"center_frequency": 20e6}, "give both in Hz"),
        ({"line_pitch": -3e-4}, "line_pitch = -0.0003"),
        ({"sound_speed": float("inf")}, "sound_speed = inf"),
    ],
)
def test_impossible_constants_are_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidAcquisition, match=words):
        open_estimator("trivial", **(CONSTANTS | wrong))


def test_threads_limit_torch_and_nothing_else() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        load("reference", threads=1)
        assert torch.get_num_threads() == 1
        load("reference")
        assert torch.get_num_threads() == 1  # 0 leaves the choice that was made
    finally:
        torch.set_num_threads(before)


def test_idle_threads_of_the_engine_sleep() -> None:
    """Read when torch is loaded, so in a process of its own; who sets it otherwise is obeyed."""
    code = "import os, engine.factory as f; f.load('reference'); print(os.environ['OMP_WAIT_POLICY'])"
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert child.stdout == "PASSIVE\n"


def test_the_package_offers_what_it_documents() -> None:
    assert set(engine.__all__) == {"open_estimator", "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'open_everything'"):
        engine.open_everything  # noqa: B018 - the access is what is tested


def test_the_precision_of_the_network_is_chosen_and_stated() -> None:
    whole, half = (open_estimator("eager", **CONSTANTS, policy=policy) for policy in ("fp32", "fp16-trunk"))
    assert (whole.precision, half.precision) == ("float32", "float16 trunk")
    expected, result = (each.step(echoes(0.0), echoes(STRAIN)) for each in (whole, half))
    off = np.abs(result.axial_strain - expected.axial_strain) / expected.strain_std
    assert 0.0 < off.max() < 0.2  # other arithmetic, the same image


@pytest.mark.parametrize("name", ["auto", "musse", "onnx", "reference", "trivial"])
def test_an_engine_without_half_precision_refuses_it(name: str) -> None:
    with pytest.raises(EngineUnavailable, match="fp32 only: for fp16-trunk use engine eager, cuda, tensorrt"):
        open_estimator(name, **CONSTANTS, policy="fp16-trunk")
    with pytest.raises(EngineUnavailable, match="no precision 'fp8'; choose one of: fp32, fp16-trunk"):
        open_estimator(name, **CONSTANTS, policy="fp8")  # type: ignore[arg-type]
