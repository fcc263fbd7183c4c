"""torch-tensorrt on a machine without a card: it lowers, converts and compiles, and runs nothing.

Compilation by TensorRT for RTX needs no card, but torch-tensorrt asks for one on the way. Here these
questions are answered, and an engine stays bytes instead of being loaded. Each replaced name stands in this
module and is restored afterwards; it was written for the release that pyproject.toml pins.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import torch

MEMORY: Final = 8 << 30
ANSWERS: Final[dict[str, Any]] = {
    "get_device_capability": (8, 9),
    "current_device": 0,
    "mem_get_info": (MEMORY, MEMORY),
    "get_device_properties": SimpleNamespace(
        name="none", major=8, minor=9, total_memory=MEMORY, multi_processor_count=24
    ),
}


class _KeptEngine:
    """An engine as the compiler wrote it."""

    def __init__(self, data: Any) -> None:
        self.data = bytes(memoryview(data))

    def serialize(self) -> bytes:
        return self.data


class _KeepingRuntime:
    """Stands in for `tensorrt.Runtime`: loading an engine is the first step that needs a card."""

    def __init__(self, logger: object) -> None:
        pass

    def deserialize_cuda_engine(self, data: Any) -> _KeptEngine:
        return _KeptEngine(data)


@contextmanager
def without_card() -> Iterator[None]:
    """torch_tensorrt can be imported and compiles; its C++ runtime, linked to CUDA, is left out."""
    is_file = os.path.isfile
    with ExitStack() as stack:
        for name, answer in ANSWERS.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, return_value=answer))
        if not hasattr(torch._C, "_CudaDeviceProperties"):  # an annotation in torch_tensorrt
            torch._C._CudaDeviceProperties = SimpleNamespace  # type: ignore[misc,assignment]
        with mock.patch("os.path.isfile", lambda path: "torchtrt" not in str(path) and is_file(path)):
            import torch_tensorrt.dynamo._compiler as compiler
            from torch_tensorrt.dynamo.runtime import TorchTensorRTModule
        import tensorrt

        stack.enter_context(mock.patch.object(tensorrt, "Runtime", _KeepingRuntime))
        stack.enter_context(mock.patch.object(TorchTensorRTModule, "setup_engine"))
        stack.enter_context(mock.patch.object(compiler, "to_torch_device", return_value=torch.device("cpu")))
        yield
