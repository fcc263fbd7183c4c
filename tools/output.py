"""Standard output of a long-running command: one line per event, for people or for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from tools.errors import ToolError


def emit(event: str, fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one event as `event: key value, ...` or as a JSON object with the key "event"; flushed."""
    if as_json:
        line = json.dumps({"event": event, **fields})
    else:
        line = f"{event}: " + ", ".join(f"{key} {_brief(value)}" for key, value in fields.items())
    typer.echo(line)


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a text file as UTF-8. Raises ToolError where it exists or cannot be written."""
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise ToolError(f"{path} exists: choose another name, or give --overwrite") from None
    except OSError as error:
        raise ToolError(f"{path} cannot be written: {error.strerror}") from error


def _brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} {item}" for key, item in value.items()) + "}"
    return "none" if value is None else str(value)
