"""Which package of TensorRT is installed, without importing it or PyTorch."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from engine.errors import EngineUnavailable

PACKAGES: Final = {"torch-tensorrt": "tensorrt", "torch-tensorrt-rtx": "tensorrt-rtx"}
"""Packages with the import name torch_tensorrt, and the extra that installs each."""


def installed() -> dict[str, str]:
    """Versions of the installed packages of `PACKAGES`."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def require_package() -> None:
    """Raises EngineUnavailable unless exactly one package of `PACKAGES` is installed."""
    found = installed()
    if len(found) > 1:
        raise EngineUnavailable(
            f"engine 'tensorrt': {' and '.join(found)} are both installed and overwrite each other: "
            f"pip uninstall {' '.join(found)}, then install one of them"
        )
    if not found:
        raise EngineUnavailable(
            "engine 'tensorrt' needs torch-tensorrt: pip install 'musse-stream[tensorrt-rtx]' for RTX cards, "
            "'musse-stream[tensorrt]' for data-centre cards (Linux or Windows, x86-64, Python < 3.14)"
        )
