"""Which package of TensorRT is installed, without importing it or PyTorch."""

from typing import Final

from engine.errors import EngineUnavailable
from engine.installed import installed

PACKAGES: Final = {"torch-tensorrt": "tensorrt", "torch-tensorrt-rtx": "tensorrt-rtx"}
"""Packages with the import name torch_tensorrt, and the extra that installs each."""


def require_package() -> None:
    """Raises EngineUnavailable unless exactly one package of `PACKAGES` is installed."""
    found = installed(PACKAGES)
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
