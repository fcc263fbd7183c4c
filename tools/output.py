"""Standard output of a long-running command: one line per event, for people or for programs."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import typer

from tools.errors import ToolError

LINE_EVERY: Final = 10.0  # s between two lines of progress where there is no terminal

log = logging.getLogger(__name__)


def emit(event: str, fields: Mapping[str, Any], *, as_json: bool, text: str | None = None) -> None:
    """Print one event: `text`, or `event: key value, ...`, or a JSON object with the key "event"; flushed."""
    if as_json:
        line = json.dumps({"event": event, **fields})
    elif text is not None:
        line = text
    else:
        shown = (f"{key.replace('_', ' ')} {_brief(value)}" for key, value in fields.items())
        line = f"{event}: {', '.join(shown)}"
    typer.echo(line)


def node_line(summary: Mapping[str, Any]) -> str:
    """What became of every frame of a run of the node, as one line; `summary` is its last event."""
    total = {name: sum(summary[name].values()) for name in ("refused", "rejected")}
    line = (
        f"summary: {summary['received']} frames received, {summary['lost']} lost, "
        f"{total['refused']} refused, {summary['overwritten']} overwritten; "
        f"{summary['published_valid']} pairs with values, {total['rejected']} rejected"
    )
    reasons = {**summary["refused"], **summary["rejected"]}
    line += f" ({_brief(reasons)})" if reasons else ""
    if summary["latency_p50"] is not None:
        p50, p99 = (1e3 * summary[name] for name in ("latency_p50", "latency_p99"))
        line += f"; latency {p50:.1f} ms, at most {p99:.1f} ms for 99 %"
    return line


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


def check_ending(path: Path, endings: Sequence[str], what: str) -> None:
    """Raise ToolError where the name does not end as `what`, such as "a movie", ends here."""
    if path.suffix.lower() not in endings:
        raise ToolError(f"{path.name}: {what} ends in {', '.join(endings)}")


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a text file as UTF-8. Raises ToolError where it exists or cannot be written, DiskFull."""
    from tools.part import writing  # HDF5 with it, which commands that write nothing need not wait for

    if path.exists() and not overwrite:
        raise ToolError(f"{path} exists: choose another name, or give --overwrite")
    with (
        writing(path, overwrite=overwrite) as part,
        part.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.write(text)


def _brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return (
            ", ".join(f"{str(key).replace('_', ' ')} {_brief(item)}" for key, item in value.items()) or "none"
        )
    return "none" if value is None else str(value)
