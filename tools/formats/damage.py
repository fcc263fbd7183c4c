"""One name for everything that goes wrong inside a third-party parser."""

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def naming_damage(path: Path, kind: str) -> Iterator[None]:
    """Turn any error raised within into a RecordingError that `path` is no readable `kind`.

    NumPy, SciPy and h5py document few of the errors they raise on damaged bytes: flipping bytes at random
    brought out TokenError, KeyError, RuntimeError and more.
    """
    try:
        yield
    except RecordingError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RecordingError(f"{path} is not a readable {kind}: {reason}") from error
