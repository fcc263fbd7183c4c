"""Messages about files that are cut, or hold something else than a recording."""

import os
from pathlib import Path

from tools.errors import RecordingError


def results_instead(path: Path) -> RecordingError:
    """The error for a file of strain results that was given as a recording."""
    return RecordingError(
        f"{path} holds strain results, not RF: `musse-stream info {path.name}` shows them. "
        "Give the recording that they were made of"
    )


def cut_note(whole: int, stated: int) -> str:
    """The note on a file that ends within a frame."""
    return f"frames: {whole} whole ones in the file, its header describes {stated}"


def named_beside(path: Path, name: str) -> Path:
    """The data file that `path` names. Raises RecordingError unless it lies in the same folder or below.

    A recording of somebody else could otherwise show any file of this computer as samples.
    """
    folder = path.absolute().parent
    found = Path(os.path.normpath(folder / name))
    if not name.isprintable() or not found.is_relative_to(os.path.normpath(folder)):
        raise RecordingError(
            f"{path} names {name!r} as its data: put both into one folder, and name it there"
        )
    return path.parent / name
