"""One CSV row per recording."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.batch.plan import Task
from tools.batch.report import Report
from tools.output import write_text

_NUMBERS: Final = ("pairs", "accepted", "refused", "mean_abs_strain", "median_ncc", "predicted_snre")
COLUMNS: Final = ("recording", "results", *_NUMBERS, "engine", "seconds", "error")


def write_table(path: Path, tasks: Sequence[Task], reports: Mapping[Task, Report], *, names: bool) -> None:
    """Write the table, sorted as the tasks are; an empty field is no value. Raises ToolError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(task, reports[task], path.parent, names=names) for task in tasks)
    write_text(path, text.getvalue(), overwrite=True)


def error_of(report: Report, *, names: bool) -> str | None:
    """The error on one line; without `names` only its kind, because messages contain names of files."""
    error = report.error if names else report.error_kind
    return None if error is None else " ".join(error.split())


def _row(task: Task, report: Report, folder: Path, *, names: bool) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(report, name) for name in (*_NUMBERS, "engine", "seconds")}
    results = "" if report.error else task.output.relative_to(folder.absolute()).as_posix()
    return {**row, "recording": task.label, "results": results, "error": error_of(report, names=names)}
