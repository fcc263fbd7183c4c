"""Checks of the disk: free space, permissions, and this user's caches."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.user_cache import user_cache
from streamer.config import Config
from tools.doctor.findings import Finding
from tools.errors import ToolError

LITTLE: Final = 2 * 10**9
"""bytes: less is full within three minutes of recording RF at 12 MB/s."""


def check_disk(config: Config) -> Finding:
    """Free space where recordings are written."""
    folder = _recordings(config)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(
            "disk",
            "fault",
            f"the folder for recordings, {folder}, cannot be used: {error.strerror}",
            "create it, or change keep.folder in the configuration",
        )
    text = f"{free / 1e9:.1f} GB are free for recordings in {folder}"
    if free < LITTLE:
        return Finding("disk", "attention", text, "free some space: RF of 12 MB/s needs 0.7 GB a minute")
    return Finding("disk", "ok", text)


def check_permissions(config: Config) -> Finding:
    """Whether the folders that programs write to can be written."""
    refused = [folder for folder in (_recordings(config), _existing(user_cache())) if not _writable(folder)]
    if refused:
        return Finding(
            "permissions",
            "fault",
            f"nothing can be written to {' and '.join(map(str, refused))}",
            "start the programs in another folder, or let the user that runs them own it",
        )
    return Finding("permissions", "ok", "the folders for recordings and for caches can be written")


def check_caches() -> Finding:
    """The caches of this user, with their sizes."""
    folder = user_cache()
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    if not entries:
        return Finding("caches", "ok", f"nothing is cached in {folder}")
    sizes = ", ".join(f"{entry.name} {_size(entry) / 1e6:.1f} MB" for entry in entries)
    return Finding("caches", "ok", f"{folder} holds {sizes}; --clear-cache empties it")


def clear_caches() -> int:
    """Delete everything in this user's cache folder; returns the bytes freed. Raises ToolError."""
    folder = user_cache()
    if folder.is_symlink():
        raise ToolError(f"{folder} is a link: delete what it leads to by hand")
    before = _size(folder)
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        except OSError as error:
            raise ToolError(f"{entry} cannot be deleted: {error.strerror}; is a program using it?") from error
    return before - _size(folder)


def cache_size() -> int:
    """Bytes in this user's cache folder."""
    return _size(user_cache())


def _recordings(config: Config) -> Path:
    return Path(config.keep.folder or ".").absolute()


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _size(path: Path) -> int:
    return sum(_sizes(path))


def _sizes(path: Path) -> Iterator[int]:
    for folder, _, names in os.walk(path) if path.is_dir() else [(str(path.parent), [], [path.name])]:
        for name in names:
            try:
                yield (Path(folder) / name).lstat().st_size
            except OSError:  # a program deleted it meanwhile
                continue
