"""The machine and the versions a figure was measured with: no figure is worth anything without them."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from streamer.system import cpu_name


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """CPU, cores, system, Python, and the version of each package ('missing' where it is not there)."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version_of(name) for name in packages},
    }


def version_of(package: str) -> str:
    """The installed version of a package; 'missing' where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
