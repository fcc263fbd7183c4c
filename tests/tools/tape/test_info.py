"""`musse-stream info` of a tape lists its content and how much of it could be read."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.tools.tape.tapes import bmode_parts, fused_parts, rf_parts, strain_parts, write_parts
from tools.cli import app


def info(path: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["info", str(path), *options], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_tape_with_everything_is_described(tmp_path: Path) -> None:
    sent = [rf_parts(0), rf_parts(1), strain_parts(1), fused_parts(1), bmode_parts(1)]
    path = write_parts(tmp_path / "a.mcap", [*sent, strain_parts(2, rejection="sliding")])
    facts: dict[str, Any] = json.loads(info(path, "--json"))
    assert facts["messages"] == {"rf": 2, "strain": 2, "fused": 1, "bmode": 1}
    assert facts["acquisitions"] == ["2 frames of 64 x 8 from bridge"]
    assert (facts["condition"], facts["rejections"]) == ("complete", {"sliding": 1})
    assert "2 frames of 64 x 8 from bridge" in info(path)
    assert "at extremes" in info(path, "--variable", "1")  # frame by frame, as of any recording


def test_a_torn_tape_reports_n_of_m(tmp_path: Path) -> None:
    path = write_parts(tmp_path / "a.mcap", [strain_parts(index) for index in range(6)])
    path.write_bytes(path.read_bytes()[:-900])
    facts = json.loads(info(path, "--json"))
    assert facts["condition"] == "5 of 6 messages read, the recorder was interrupted"
    assert facts["pairs"] == 5
    assert "5 of 6 messages read" in info(path)
