"""Where an engine computes. PyTorch is imported only on a computer with NVIDIA's driver."""

import ctypes
import sys
from functools import cache
from typing import Final, Literal, TypeAlias

from engine.errors import EngineUnavailable
from engine.spec import Device

DeviceChoice: TypeAlias = Literal["auto", "cpu", "cuda"]
"""auto: an NVIDIA card where there is one that PyTorch can use, else the CPU."""

_FIXED: Final[dict[str, Device]] = {"onnx": "cpu", "trivial": "cpu", "cuda": "cuda", "tensorrt": "cuda"}
_DRIVER: Final = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def chosen_device(choice: DeviceChoice) -> Device:
    """The device that `choice` stands for on this computer."""
    if choice != "auto":
        return choice
    return "cpu" if _no_card() else "cuda"


def device_note(choice: DeviceChoice) -> str:
    """Why it is that one, for people."""
    if choice != "auto":
        return f"on the {choice}, as asked"
    reason = _no_card()
    return f"on the cpu, because {reason}" if reason else "on the NVIDIA card that PyTorch finds"


def device_of(engine: str, device: Device) -> Device:
    """Where the engine of this name computes when `device` is chosen; some run on one kind only."""
    return _FIXED.get(engine, device)


def check_device(engine: str, choice: DeviceChoice) -> None:
    """Raises EngineUnavailable where the engine of this name cannot compute there, on this computer."""
    if choice == "auto":
        return
    only = device_of(engine, choice)
    if only != choice:
        raise EngineUnavailable(
            f"engine {engine!r} does not run on device {choice!r}: choose device {only!r}"
        )
    if choice == "cuda" and (reason := _no_card()):
        raise EngineUnavailable(f"engine {engine!r} on device 'cuda': {reason}; choose device 'cpu'")


@cache
def _no_card() -> str:
    """Why no card can be used here; '' where one can."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return "no NVIDIA driver is installed"
    from engine.tracking.torch_device import has_card

    return "" if has_card() else "PyTorch finds no NVIDIA card: install its CUDA build"
