"""Key files of this computer: made, shown, and the keys of others allowed."""

import os
from pathlib import Path
from typing import BinaryIO, Final

from streamer.curve import parse_public, read_allowed, read_keys, write_secret
from streamer.errors import ConfigError
from tools.errors import ToolError
from tools.part import NOTHING_LEFT, is_disk_full, write_failure

MAX_NAME: Final = 64  # characters


def new_key(file: Path) -> str:
    """Write a new secret key, for its owner alone; returns the public key.

    Raises ToolError where the file exists or cannot be written, DiskFull.
    """
    try:
        return write_secret(file).hex()
    except FileExistsError:
        raise ToolError(f"{file} exists: a key is never replaced; choose another name") from None
    except OSError as error:
        raise _not_written(file, error, NOTHING_LEFT) from error


def public_key(file: Path) -> str:
    """The public key that belongs to the secret key of a file. Raises ConfigError."""
    return read_keys(file, allowed=None, node="", rf="").public.hex()


def allow_key(public: str, name: str, file: Path) -> bool:
    """Add a public key to the file of those that may connect; returns whether it was new there.

    A running node takes it at the next connection. Raises ConfigError for what is no key or name, and for a
    file that is no such list; ToolError where it cannot be written, DiskFull.
    """
    key = parse_public(public)
    if not name.isprintable() or len(name) > MAX_NAME:
        raise ConfigError(f"name {name[:MAX_NAME]!r}: at most {MAX_NAME} printable characters")
    if file.exists() and key in read_allowed(file):
        return False
    try:
        with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as stream:
            before = stream.read()
            begin = b"\n" * (not before.endswith(b"\n") and before != b"")  # as an editor may have left it
            stream.write(begin + f"{key.hex()} {name}".rstrip().encode() + b"\n")
            _flush(stream, len(before))
    except OSError as error:
        raise _not_written(file, error, "what was in it before is kept") from error
    return True


def _flush(stream: BinaryIO, length: int) -> None:
    """Write what is buffered; where that fails, cut the file to its former length: half a key is no list."""
    try:
        stream.flush()
    except OSError:
        os.ftruncate(stream.fileno(), length)
        raise


def _not_written(file: Path, error: OSError, left: str) -> ToolError:
    if is_disk_full(error):
        return write_failure(error, file, left)
    return ToolError(f"{file} cannot be written: {error.strerror}")
