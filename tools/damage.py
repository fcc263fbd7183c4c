"""One name for everything that goes wrong inside a third-party parser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.errors import RecordingError


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
        if isinstance(error, LookupError | TypeError | AttributeError | AssertionError):
            reason = "it is damaged, or in another format"  # the parser's own slip means nothing to its user
        raise RecordingError(f"{path} is not a readable {kind}: {reason}") from error
