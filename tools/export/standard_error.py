"""What libraries write to standard error by themselves, without the lines that mean nothing."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STANDARD_ERROR = 2


@contextmanager
def without_lines_of(words: bytes) -> Iterator[None]:
    """Hold back standard error, that of libraries too; at the end pass on the lines without these words.

    For moments only, since whoever writes meanwhile is read later. Where there is no standard error, or no
    room to hold it back, everything is passed on. Main thread.
    """
    try:
        before = os.dup(_STANDARD_ERROR)
    except OSError:
        yield
        return
    with _room() as room:
        if room is not None:
            os.dup2(room, _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(before, _STANDARD_ERROR)
            os.close(before)
            if room is not None:
                os.lseek(room, 0, os.SEEK_SET)
                with os.fdopen(os.dup(room), "rb") as lines, suppress(OSError):
                    for line in lines:
                        if words not in line:
                            os.write(_STANDARD_ERROR, line)


@contextmanager
def _room() -> Iterator[int | None]:
    """The number of an open, empty file; None where none can be made."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:
        yield None
        return
    with file:
        yield file.fileno()
