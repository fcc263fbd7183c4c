"""What an engine was compiled of and for, and its key: any difference is another engine. No torch here."""

import hashlib
import json
import platform
from collections.abc import Mapping
from typing import Any, Final

from engine.installed import installed

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
    return {"python": platform.python_version(), **installed(PACKAGES)}


def operating_system() -> str:
    """System and machine, such as 'Linux x86_64'."""
    return f"{platform.system()} {platform.machine()}"
