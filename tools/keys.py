"""Key files of this computer: made, shown, and the keys of others allowed."""

import os
from pathlib import Path
from typing import Final

from streamer.curve import parse_public, read_allowed, read_keys, write_secret
from streamer.errors import ConfigError
from tools.errors import ToolError

MAX_NAME: Final = 64  # characters


def new_key(file: Path) -> str:
    """Write a new secret key, for its owner alone; returns the public key.

    Raises ToolError where the file exists or cannot be written.
    """
    try:
        return write_secret(file).hex()
    except FileExistsError:
        raise ToolError(f"{file} exists: a key is never replaced; choose another name") from None
    except OSError as error:
        raise ToolError(f"{file} cannot be written: {error.strerror}") from error


def public_key(file: Path) -> str:
    """The public key that belongs to the secret key of a file. Raises ConfigError."""
    return read_keys(file, allowed=None, node="", rf="").public.hex()


def allow_key(public: str, name: str, file: Path) -> bool:
    """Add a public key to the file of those that may connect; returns whether it was new there.

    A running node takes it at the next connection. Raises ConfigError for what is no key or name, and for a
    file that is no such list; ToolError where it cannot be written.
    """
    key = parse_public(public)
    if not name.isprintable() or len(name) > MAX_NAME:
        raise ConfigError(f"name {name[:MAX_NAME]!r}: at most {MAX_NAME} printable characters")
    if file.exists() and key in read_allowed(file):
        return False
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(f"{public} {name}".rstrip() + "\n")
    except OSError as error:
        raise ToolError(f"{file} cannot be written: {error.strerror}") from error
    return True
