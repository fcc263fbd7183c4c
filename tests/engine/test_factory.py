"""Engines by their names, and what stands in the way of one."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import engine
from engine import open_estimator
from engine.errors import EngineUnavailable, InvalidAcquisition
from engine.factory import AUTO, ENGINES, load, resolve
from tests.echo_frames import SHAPE, STRAIN, echoes

CONSTANTS: dict[str, Any] = {
    "shape": SHAPE,
    "sampling_frequency": 40e6,
    "center_frequency": 4.8e6,
    "line_pitch": 3e-4,
}


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_opens_by_its_name_and_measures(name: str) -> None:
    estimator = open_estimator(name, **CONSTANTS)
    assert estimator.name == name
    result = estimator.step(echoes(0.0), echoes(STRAIN))
    assert np.median(result.axial_strain) == pytest.approx(-STRAIN, rel=0.1)
    assert np.median(estimator.step(echoes(STRAIN), echoes(0.0)).axial_strain) > 0  # the control


def test_auto_says_what_it_took_and_why() -> None:
    assert resolve("auto") == ("reference", "auto: reference, the best engine of this release")
    assert resolve("musse") == ("onnx", "musse: onnx, the fastest runtime on a CPU")
    assert resolve("trivial") == ("trivial", "trivial: as asked")
    assert set(AUTO) <= set(ENGINES)


@pytest.mark.parametrize("name", ["Reference", "musse-net", "", "os.system"])
def test_an_unknown_name_is_answered_with_those_that_exist(name: str) -> None:
    with pytest.raises(
        EngineUnavailable, match="choose one of: auto, musse, reference, onnx, eager, trivial"
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
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert told.stdout == "PASSIVE\n"


def test_the_package_offers_one_name() -> None:
    assert engine.__all__ == ["open_estimator"]
    with pytest.raises(AttributeError, match="no attribute 'open_everything'"):
        engine.open_everything  # noqa: B018 - the access is what is tested
