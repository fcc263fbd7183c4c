"""The whole display without a window: real sockets, real command, a saved image."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.errors import ConfigError
from tests.tools.display.synthetic_node import SyntheticNode
from tools.display.loop import run_display
from tools.display.options import DisplayOptions
from tools.display.png import save_png
from tools.errors import NothingReceived, ToolError

COMMAND = [
    sys.executable,
    "-c",
    "import typer; from tools.commands.display import display; typer.run(display)",
]


@pytest.mark.alone
def test_headless_counts_from_the_first_result_and_saves_the_last_image(tmp_path: Path) -> None:
    path = tmp_path / "outé.png"
    with SyntheticNode(steady=True) as node:
        summary = run_display(
            DisplayOptions(), address=node.address, headless=True, seconds=0.6, save=path, timeout=20
        )
    assert summary.results >= 5
    assert 1 <= summary.shown <= summary.results
    assert summary.refused == 0
    assert summary.saved == str(path)
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (720, 1280, 3)
    strain = image[80:500, 680:1080].astype(int)
    assert (strain.max(axis=2) - strain.min(axis=2)).mean() > 20  # a colour image, not the waiting one


def test_headless_without_strain_reports_it_in_time_although_the_node_lives() -> None:
    with (
        SyntheticNode(strain=False) as node,
        pytest.raises(NothingReceived, match=f"no strain result from {node.address} within 0.5 s"),
    ):
        run_display(DisplayOptions(), address=node.address, headless=True, seconds=1, timeout=0.5)


def test_an_image_that_cannot_be_saved_is_reported_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"no folder .*missing"):
        run_display(
            DisplayOptions(), address="tcp://127.0.0.1:9", headless=True, save=tmp_path / "missing/a.png"
        )
    with pytest.raises(ToolError, match="cannot write"):
        save_png(np.zeros((4, 4, 3), np.uint8), tmp_path)


def test_an_impossible_address_ends_it() -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        run_display(DisplayOptions(), address="nowhere", headless=True)


def test_the_command_prints_one_summary_and_loads_no_torch(tmp_path: Path) -> None:
    look = "import sys; sys.stderr.write('TORCH' if 'torch' in sys.modules else 'light')"
    code = COMMAND[2].replace("typer.run(display)", f"\ntry: typer.run(display)\nfinally: {look}")
    with SyntheticNode() as node:
        done = subprocess.run(
            [
                sys.executable, "-c", code, "--connect", node.address, "--headless", "--seconds", "0.3",
                "--json", "--save", str(tmp_path / "a.png"), "--mode", "overlay", "--region", "5,30,-10,10",
            ],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "light"
    summary = json.loads(done.stdout)
    assert summary["results"] >= 1
    assert summary["refused"] == 0
    assert (tmp_path / "a.png").is_file()


def test_sigterm_ends_the_command_cleanly_with_its_summary() -> None:
    with SyntheticNode() as node:
        child = subprocess.Popen(
            [*COMMAND, "--connect", node.address, "--headless"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert node.subscribed.wait(30)
        child.send_signal(signal.SIGTERM)
        output, complaint = child.communicate(timeout=30)
    assert (child.returncode, complaint) == (0, "")
    assert output.startswith("summary: results ")


@pytest.mark.parametrize("region", ["1,2,3", "a,b,c,d", "30,5,-10,10"])
def test_a_region_that_makes_no_sense_is_refused_with_an_example(region: str) -> None:
    done = subprocess.run(
        [*COMMAND, "--region", region, "--headless"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "5,30,-10,10" in done.stderr
