"""What an engine was compiled of and for, and its key: any difference is another engine. No torch here."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

PACKAGES: Final = (
    "torch",
    "torch-tensorrt",
    "torch-tensorrt-rtx",
    "tensorrt",
    "tensorrt_rtx",
    "musse-stream",
)
"""Their versions are part of the key, where they are installed."""


def key_of(facts: Mapping[str, Any]) -> str:
    """SHA-256 of facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Of `PACKAGES` and Python."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def operating_system() -> str:
    """System and machine, such as 'Linux x86_64'."""
    return f"{platform.system()} {platform.machine()}"
