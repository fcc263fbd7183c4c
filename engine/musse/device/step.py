"""How the work of one frame is run: directly, or as one captured CUDA graph."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import torch

from engine.errors import EngineUnavailable

WARM_UPS = 3


class Step(Protocol):
    """Runs a body over tensors whose addresses never change."""

    def __call__(self) -> None:
        """Run it once; its results are on the host when this returns."""
        ...


MakeStep: TypeAlias = Callable[[Callable[[], None]], Step]


class PlainStep:
    """Operator by operator: on a CPU, and to debug a device."""

    def __init__(self, body: Callable[[], None]) -> None:
        self._body = body

    def __call__(self) -> None:
        """See `Step`."""
        with torch.inference_mode():
            self._body()


class GraphStep:
    """One CUDA graph on a stream of its own: one launch per frame, and no allocation.

    The body must not allocate pinned memory, read values back or copy from pageable memory. It runs a few
    times before it is captured, because libraries allocate their workspaces at the first call. Raises
    EngineUnavailable where the body cannot be captured.
    """

    def __init__(self, body: Callable[[], None]) -> None:
        try:
            self._capture(body)
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
            raise EngineUnavailable(f"the frame cannot be captured in a CUDA graph: {reason}") from error

    def _capture(self, body: Callable[[], None]) -> None:
        self._stream = torch.cuda.Stream()
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            with torch.cuda.stream(self._stream):
                for _ in range(WARM_UPS):
                    body()
            self._stream.synchronize()
            with torch.cuda.graph(self._graph, stream=self._stream):
                body()

    def __call__(self) -> None:
        """See `Step`."""
        with torch.cuda.stream(self._stream):
            self._graph.replay()
        self._stream.synchronize()
