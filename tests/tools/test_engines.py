"""`musse-stream engine` from outside, on a machine without a card."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.tracking.torch_device import has_card
from tests.root import ROOT

ACQUISITION = (
    "--shape", "500x24", "--sampling-frequency", "40e6", "--center-frequency", "5e6", "--line-pitch", "3e-4",
)  # fmt: skip
NO_CARD = pytest.mark.skipif(has_card(), reason="this machine has a card")


def musse(cache: Path, *arguments: str, timeout: float = 60.0) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ, "XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache), "COLUMNS": "200",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "tools", *arguments],
        capture_output=True, text=True, check=False, timeout=timeout, env=environment,
    )  # fmt: skip


def refusal(result: "subprocess.CompletedProcess[str]") -> str:
    """The one line of standard error with the reason why a command ended."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("musse-stream: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


@NO_CARD
@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_without_a_card_run_names_what_is_missing(tmp_path: Path, name: str) -> None:
    result = musse(
        tmp_path, "run", "--no-keep", "--engine", name, "--bind", "tcp://127.0.0.1:0", "--http", ""
    )
    assert result.returncode == 5
    assert "needs an NVIDIA card and a CUDA build of PyTorch, and finds none" in refusal(result)


def test_an_empty_store_is_answered_with_the_next_step(tmp_path: Path) -> None:
    listed = musse(tmp_path, "engine", "list")
    assert listed.returncode == 0
    assert "build one with: musse-stream engine build RECORDING" in listed.stdout
    verified = musse(tmp_path, "engine", "verify", "--all")
    assert verified.returncode == 5
    assert "there is no compiled engine" in refusal(verified)


def test_missing_facts_are_all_named_at_once(tmp_path: Path) -> None:
    result = musse(tmp_path, "engine", "build", "--center-frequency", "5e6")
    assert result.returncode == 1
    assert "--shape SAMPLESxLINES, --sampling-frequency, --line-pitch" in refusal(result)
    assert "name one engine" in refusal(musse(tmp_path, "engine", "verify"))


def test_a_damaged_engine_is_listed_as_such(tmp_path: Path) -> None:
    folder = tmp_path / "musse-stream" / "engines" / "broken"
    folder.mkdir(parents=True)
    result = musse(tmp_path, "engine", "list", "--json", str(tmp_path / "list.json"))
    assert result.returncode == 0
    assert "damaged" in result.stdout
    (row,) = json.loads((tmp_path / "list.json").read_text())
    assert (row["engine"], row["status"]) == ("broken", "damaged")


@NO_CARD
@pytest.mark.long
@pytest.mark.timeout(1500)
def test_an_engine_built_here_waits_for_a_card(tmp_path: Path) -> None:
    """NVIDIA's compiler takes the whole pair program, from canonical IQ to strain."""
    built = musse(tmp_path, "engine", "build", *ACQUISITION, timeout=1200)
    assert built.returncode == 0, built.stderr
    found = re.search(r"engine (\w+): unverified", built.stdout)
    assert found
    assert f"musse-stream engine verify {found[1]}" in built.stdout
    assert "not run yet" in musse(tmp_path, "engine", "list").stdout
    verified = musse(tmp_path, "engine", "verify", found[1], timeout=200)
    assert verified.returncode == 5
    assert "verifying a compiled engine needs an NVIDIA card" in refusal(verified)
