"""Selection of the torch device: the one place that enables CUDA, in full float32 precision."""

import torch

from engine.errors import EngineUnavailable
from engine.spec import Device


def has_card() -> bool:
    """Whether PyTorch finds a CUDA device here."""
    return torch.cuda.is_available()


def torch_device(name: Device) -> torch.device:
    """The torch device called `name`.

    For "cuda" it turns TF32 off in this process: PyTorch's convolutions use it by default, and with ten bits
    of mantissa strain is off by up to four of its own standard deviations. Raises EngineUnavailable where
    there is no CUDA device.
    """
    if name == "cuda":
        if not has_card():
            raise EngineUnavailable("device 'cuda': PyTorch finds no CUDA device here; choose device 'cpu'")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(name)
