"""`musse-stream engine` from outside, on a machine without a card."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import EngineError, EngineUnavailable
from engine.tracking.torch_device import has_card
from streamer.config_file import load_config
from tests.echo_frames import SHAPE, rf_header
from tests.root import ROOT
from tests.streamer.node.node_harness import Scanner
from tools.engines import verifying
from tools.engines.acquired import live
from tools.errors import NothingReceived

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
@pytest.mark.parametrize("name", [pytest.param("cuda", marks=pytest.mark.long), "tensorrt"])
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


@pytest.mark.long
@NO_CARD
def test_without_a_card_every_engine_is_listed_as_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "musse-stream" / "engines" / "broken"
    folder.mkdir(parents=True)
    result = musse(tmp_path, "engine", "verify", "--all", "--json", str(tmp_path / "rows.json"))
    assert result.returncode == 5
    assert refusal(result).count("verifying needs an NVIDIA card; none was found here") == 1
    rows = json.loads((tmp_path / "rows.json").read_text())
    expected = [f"{name} {policy}" for name in ("eager", "cuda") for policy in ("fp32", "fp16-trunk")]
    expected += ["eager fp32 paper", "cuda fp32 paper"]
    assert [row["engine"] for row in rows] == [*expected, "broken"]
    assert {row["status"] for row in rows} == {"no card"}


def test_one_failure_keeps_no_other_engine_from_being_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card is played: one engine fails as a driver might, one is off, one was not built for this card."""
    outcomes: dict[str, Any] = {
        "eager fp32": {"reason": "", "parity": {}},
        "eager fp16-trunk": RuntimeError("an illegal memory access was encountered"),
        "cuda fp32": {"reason": "parity failed: strain_nrmse 0.2, allowed 0.001"},
        "cuda fp16-trunk": EngineUnavailable("made for another card"),
        "eager fp32 paper": {"reason": ""},
        "cuda fp32 paper": {"reason": ""},
    }

    def measured(name: str, subject: Any, report: Any) -> dict[str, Any]:
        paper = " paper" if subject.weights.stem == "paper" else ""
        outcome = outcomes[f"{name} {subject.policy}{paper}"]
        if isinstance(outcome, Exception):
            raise outcome
        return dict(outcome)

    monkeypatch.setattr(verifying, "has_card", lambda: True)
    monkeypatch.setattr(verifying, "engines_folder", lambda: tmp_path / "none")
    monkeypatch.setattr("engine.musse.artefact.verify.measured", measured)
    with pytest.raises(EngineUnavailable, match="illegal memory access"):
        verifying.verify_engines(None, everything=True, json_file=tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["status"] for row in rows] == [
        *("verified", "failed", "refused", "not verified"),
        *("verified", "verified"),  # the published network, in fp32 alone
    ]
    del outcomes["eager fp16-trunk"], outcomes["cuda fp16-trunk"]
    outcomes |= {"eager fp16-trunk": {"reason": ""}, "cuda fp16-trunk": {"reason": ""}}
    with pytest.raises(EngineError, match="these engines are not used, see their reasons: cuda fp32"):
        verifying.verify_engines(None, everything=True, json_file=None)


def test_the_live_stream_is_what_an_engine_is_built_for() -> None:
    config = load_config(None, {"input": {"connect": "tcp://127.0.0.1:9"}})
    with pytest.raises(
        NothingReceived, match=r"no RF frame came from tcp://127\.0\.0\.1:9 within 0\.3 s: nothing"
    ):
        live(config, 0.3)
    with Scanner() as scanner:
        config = load_config(
            None, {"input": {"connect": scanner.address}, "region": {"axial_from": 4.0, "axial_to": 6.0}}
        )
        sending = threading.Thread(target=send_when_heard, args=(scanner,))
        sending.start()
        spec, carrier = live(config, 10.0)
        sending.join()
    assert spec.shape[0] < SHAPE[0]  # of the region
    assert spec.center_frequency == rf_header(0).center_frequency
    assert carrier == pytest.approx(spec.center_frequency / spec.sampling_frequency, rel=0.15)


def send_when_heard(scanner: Scanner) -> None:
    scanner.wait_for_node()
    scanner.send(0, status="FROZEN")  # refused, and no reason to give up
    scanner.send(1)


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
    assert "verifying needs an NVIDIA card; none was found here" in refusal(verified)
