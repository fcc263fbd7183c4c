"""The compiled engines of this user, as rows of a table or a file."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.errors import EngineUnavailable
from engine.musse.artefact import store
from engine.user_cache import engines_folder
from tools.part import writing

COLUMNS = ("engine", "status", "frame", "precision", "card", "median_ms", "p99_ms")


def list_engines(json_file: Path | None, *, overwrite: bool = False) -> None:
    """Show every compiled engine of this user, damaged ones too."""
    rows = [row_of(folder) for folder in store.folders(engines_folder())]
    if json_file is not None:
        write_rows(json_file, rows, overwrite=overwrite)
    if rows:
        show_rows(rows)
    else:
        Console().print("no compiled engines; build one with: musse-stream engine build RECORDING")


def show_rows(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    table = Table(*(name.replace("_", " ") for name in COLUMNS))
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in COLUMNS))
    Console().print(table)


def row_of(folder: Path) -> dict[str, Any]:
    """What is known of an engine's folder."""
    try:
        artefact = store.read(folder)
    except EngineUnavailable as error:
        return {"engine": folder.name, "status": "damaged", "reason": str(error)}
    return {
        "engine": folder.name,
        "status": artefact.status,
        "reason": artefact.reason,
        "frame": "x".join(str(size) for size in artefact.subject["spec"]["shape"]),
        "precision": artefact.subject["policy"],
        "card": artefact.facts["card"] or "not run yet",
        "parity": store.content(folder, store.PARITY),
        "facts": dict(artefact.facts),
        **(store.content(folder, store.BENCHMARK) or {}),
    }


def write_rows(path: Path, rows: list[dict[str, Any]], *, overwrite: bool) -> None:
    """Write rows as JSON. Raises RecordingError, DiskFull."""
    with writing(path, overwrite=overwrite) as part:
        part.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "" if value is None else str(value)
