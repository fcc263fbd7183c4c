"""A run of the benchmark compared with a recorded one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.errors import ToolError

SETTINGS: Final = ("engine", "rate", "shape", "dtype", "displays")
FIGURES: Final = (
    "step_p50_ms",
    "step_p99_ms",
    "node_added_p50_ms",
    "node_added_p99_ms",
    "bare_p50_ms",
    "bare_p99_ms",
    "node_added_over_bare_p50",
    "node_added_over_bare_p99",
)


def recorded_runs(path: Path) -> list[dict[str, Any]]:
    """The runs of a file that `bench --json` wrote, one JSON object a line.

    Raises ToolError where it cannot be read or holds something else.
    """
    try:
        runs: list[dict[str, Any]] = [
            json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ToolError(f"{path} is not what `musse-stream bench --json` prints: {error}") from error
    needed = {"environment", *SETTINGS, *FIGURES}
    if not runs or not all(isinstance(run, dict) and run.keys() >= needed for run in runs):
        raise ToolError(f"{path} is not what `musse-stream bench --json` prints: figures are missing")
    return runs


def matching_run(runs: list[dict[str, Any]], settings: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The newest run with these settings. Raises ToolError with the settings there are."""
    for run in runs[::-1]:
        if all(run[name] == value for name, value in settings.items()):
            return run
    there = "; ".join(", ".join(f"{name} {run[name]}" for name in SETTINGS) for run in runs)
    wanted = ", ".join(f"{name} {value}" for name, value in settings.items())
    raise ToolError(f"{path} has no run with {wanted}; it has: {there}")


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Each figure before, now and their ratio (None for a zero before), and what differs between the
    machines."""
    there, here = before["environment"], now["environment"]
    return {
        "figures": {
            name: {
                "before": before[name],
                "now": now[name],
                "ratio": round(now[name] / before[name], 2) if before[name] else None,
            }
            for name in FIGURES
        },
        "environment": {
            name: [there.get(name), here.get(name)]
            for name in sorted({*there, *here})
            if there.get(name) != here.get(name)
        },
    }


def lines(comparison: Mapping[str, Any]) -> list[str]:
    """The comparison as text, one figure a line; what differs between the machines last."""
    width = max(map(len, FIGURES))
    rows = [f"{'':{width}}  {'before':>9} {'now':>9} {'ratio':>6}"]
    for name, row in comparison["figures"].items():
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
        rows.append(f"{name:{width}}  {row['before']:9.3f} {row['now']:9.3f} {ratio:>6}")
    different = comparison["environment"]
    rows += [f"{name}: {before} before, {now} now" for name, (before, now) in different.items()]
    if "cpu" in different:
        rows.append("another processor: compare the ratios to the bare receiver only")
    return rows
