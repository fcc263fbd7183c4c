"""One training in a folder at a time: two would write one checkpoint, one log and one set of weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from streamer import system
from tools.errors import ToolError

LOCK: Final = ".training"
"""An empty file that stays in the folder; it is locked while a training runs, also where that is killed."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make the folder and keep other trainings out of it. Raises ToolError where one runs there, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        if not system.hold(file):
            raise ToolError(f"another training runs in {folder}: give another --output, or wait for its end")
        yield
