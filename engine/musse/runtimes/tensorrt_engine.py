"""A compiled engine as a torch module, on the stream it is called on: part of the captured CUDA graph.

No card has run this module yet: `musse-stream engine verify` decides on each card whether it is used.
"""

from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import EngineUnavailable
from engine.musse.runtimes.tensorrt import CompiledEngine, torch_tensorrt


class TensorRtModule(nn.Module):
    """Runs an engine on the current CUDA device. Outputs are written to the same tensors at every call.

    Raises EngineUnavailable where the engine cannot be loaded here.
    """

    def __init__(self, compiled: CompiledEngine) -> None:
        super().__init__()
        torch_tensorrt()  # gives TensorRT for RTX the import name tensorrt
        import tensorrt

        runtime: Any = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))
        self._engine: Any = runtime.deserialize_cuda_engine(compiled.data)
        if self._engine is None:
            raise EngineUnavailable("TensorRT cannot load the compiled engine on this card: build it again")
        self._context: Any = self._engine.create_execution_context()
        self._inputs, self._results = compiled.inputs, []
        for name in compiled.outputs:
            shape = tuple(self._engine.get_tensor_shape(name))
            self._results.append(torch.empty(shape, device="cuda"))
            self._context.set_tensor_address(name, self._results[-1].data_ptr())

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The program's inputs -> its outputs. Raises RuntimeError where TensorRT refuses to run."""
        for name, index in self._inputs.items():
            self._context.set_tensor_address(name, inputs[index].contiguous().data_ptr())
        if not self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
            raise RuntimeError("TensorRT refused to run the engine")
        return tuple(self._results)
