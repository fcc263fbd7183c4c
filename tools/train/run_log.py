"""What a training leaves to read: log.csv, one row for some steps, and figures.json, one entry per look."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.training.trainer import Progress
from tools.part import adding, writing

EVERY = 10  # steps per row
LOG = "log.csv"
FIGURES = "figures.json"


class RunLog:
    """The files of a run in `folder`. A run that goes on from `step` forgets what was written beyond it."""

    def __init__(self, folder: Path, step: int) -> None:
        self._log, self._figures = folder / LOG, folder / FIGURES
        self._since: list[Progress] = []
        self.rows = [row for row in _rows(self._log) if int(row["step"]) <= step]
        looks = json.loads(self._figures.read_text(encoding="utf-8")) if self._figures.exists() else []
        self.looks: list[dict[str, Any]] = [look for look in looks if look["step"] <= step]
        _replace(self._log, _csv(self.rows))

    def update(self, progress: Progress) -> None:
        """One step; every `EVERY` of them make a row of means."""
        self._since.append(progress)
        if progress.step % EVERY:
            return
        mean = {name: sum(p.terms[name] for p in self._since) / len(self._since) for name in progress.terms}
        rate = sum(p.samples_per_second for p in self._since) / len(self._since)
        row = {
            "step": str(progress.step),
            "loss": f"{sum(mean.values()):.6g}",
            **{name: f"{value:.6g}" for name, value in mean.items()},
            "learning_rate": f"{progress.learning_rate:.4g}",
            "samples_per_second": f"{rate:.4g}",
            "waited": f"{progress.waited:.4g}",
            "left_out": str(sum(p.left_out for p in self._since)),
        }
        self._since = []
        self.rows.append(row)
        text = _csv([row])
        with adding(self._log), self._log.open("a", encoding="utf-8", newline="") as file:
            file.write(text if len(self.rows) == 1 else text.partition("\n")[2])

    def look(self, step: int, figures: Mapping[str, Any]) -> None:
        """What a validation at `step` found."""
        self.looks = [*(look for look in self.looks if look["step"] != step), {"step": step, **figures}]
        _replace(self._figures, json.dumps(self.looks, indent=1) + "\n")


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        # a killed run may have left half a row
        return [row for row in csv.DictReader(file) if all(row.values()) and row["step"].isdigit()]


def _csv(rows: list[dict[str, str]]) -> str:
    lines = [",".join(rows[0])] if rows else []
    return "".join(f"{line}\n" for line in [*lines, *(",".join(row.values()) for row in rows)])


def _replace(path: Path, text: str) -> None:
    with writing(path) as part:
        part.write_text(text, encoding="utf-8")
