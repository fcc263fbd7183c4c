"""A training whose process is lost between two checkpoints goes on as if nothing had happened."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from engine.training.trainer import CHECKPOINT
from tests.root import ROOT
from tests.tools.train.lost_training import FORMS, train

LOST_AT, CHECKPOINT_AT, LOGGED = 17, 10, ["5", "10", "15"]
CLOCK = {"samples_per_second", "waited"}  # columns of speed


def lose(output: Path, form: str) -> int:
    """Exit code of a training that kills itself."""
    script = Path(__file__).with_name("lost_training.py")
    return subprocess.run(
        [sys.executable, script, output, form, str(LOST_AT)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    ).returncode


def log(output: Path) -> list[dict[str, str]]:
    with (output / "log.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in CLOCK} for row in csv.DictReader(file)]


def checkpoint(output: Path) -> dict[str, bytes]:
    """Bytes of weights and optimiser; the file's own order of metadata is not fixed."""
    return {name: values.numpy().tobytes() for name, values in load_file(output / CHECKPOINT).items()}


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_a_lost_process_changes_neither_weights_nor_log(tmp_path: Path, form: str) -> None:
    lost, whole = tmp_path / "lost", tmp_path / "whole"
    assert lose(lost, form) == -signal.SIGKILL
    with safe_open(lost / CHECKPOINT, framework="pt") as file:
        assert file.metadata()["step"] == str(CHECKPOINT_AT)  # nothing was written on the way out
    assert [row["step"] for row in log(lost)] == LOGGED  # the control: there is something to forget
    before = checkpoint(lost)
    train(lost, form)
    train(whole, form)
    assert (lost / "tiny.safetensors").read_bytes() == (whole / "tiny.safetensors").read_bytes()
    assert checkpoint(lost) == checkpoint(whole) != before
    assert [row["step"] for row in log(lost)] == ["5", "10", "15", "20"]
    assert log(lost) == log(whole)
