"""Standard output of a long-running command: one line per event, for people or for programs."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import typer

from tools.errors import ToolError

LINE_EVERY: Final = 10.0  # s between two lines of progress where there is no terminal

log = logging.getLogger(__name__)


def emit(event: str, fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one event as `event: key value, ...` or as a JSON object with the key "event"; flushed."""
    if as_json:
        line = json.dumps({"event": event, **fields})
    else:
        line = f"{event}: " + ", ".join(f"{key} {_brief(value)}" for key, value in fields.items())
    typer.echo(line)


class StatusLine:
    """One line of progress: renewed on a terminal, elsewhere a log line now and then. A context manager."""

    def __init__(self, work: str) -> None:
        from rich.console import Console

        console = Console(stderr=True)
        self._status = console.status(work) if console.is_terminal else None
        self._lines = 0

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, text: str, seconds: float) -> None:
        """Show the text of the moment, `seconds` after the work began."""
        if self._status is not None:
            self._status.update(text)
        elif seconds >= self._lines * LINE_EVERY:
            self._lines += 1
            log.info(text)


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
