"""Messages about files that are cut, or hold something else than a recording."""

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
