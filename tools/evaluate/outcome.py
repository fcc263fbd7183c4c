"""A call of `musse-stream evaluate` and its results, from which the reports are written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.spec import Device
from tools.evaluate.criteria import CriterionResult
from tools.evaluate.records import Record
from tools.evaluate.summary import Row


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """One call of the command."""

    engines: tuple[str, ...]
    suite: str
    groups: tuple[str, ...]
    output: Path
    resume: bool
    threads: int
    limit: int
    report: bool
    summary: Path | None = None
    """Where to write the short report in Markdown; None: nowhere."""
    overwrite: bool = False
    """Replace a summary, and in a folder without records also a report, that exist."""
    device: Device = "cpu"
    weights: Path | None = None
    """Of the network; None: those of the package."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The results of one run."""

    request: EvaluationRequest
    records: list[Record]
    rows: list[Row]
    criteria: list[CriterionResult]
    environment: dict[str, Any]
