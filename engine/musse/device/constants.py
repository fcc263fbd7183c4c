"""Constants of the NumPy front end as buffers of torch modules."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.tracking.coarse import LocalMean
from engine.tracking.windows import SeparableKernel


def floats(values: Any) -> Tensor:
    """A float32 tensor of its own memory."""
    return torch.from_numpy(np.array(values, np.float32, order="C"))


class KernelProduct(nn.Module):
    """`engine.tracking.windows.SeparableKernel`: two dense products, in the order that multiplies less."""

    across: Tensor
    along: Tensor

    def __init__(self, window: SeparableKernel) -> None:
        super().__init__()
        self.lines_first = window.lines_first
        self.register_buffer("across", floats(window.across.dense.T), persistent=False)
        self.register_buffer("along", floats(window.along.dense), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(..., lines, rows) to (..., node lines, node rows)."""
        if self.lines_first:
            return (self.across @ maps) @ self.along
        return self.across @ (maps @ self.along)


class LocalMeanRemoval(nn.Module):
    """`engine.tracking.coarse.LocalMean`."""

    def __init__(self, mean: LocalMean) -> None:
        super().__init__()
        self.window = KernelProduct(mean.window)
        self.spread = KernelProduct(mean.nodes.spread)

    def forward(self, maps: Tensor) -> Tensor:
        """Cells (cols, cells) less their local mean, from cells and their filled shares (2, cols, cells)."""
        total, filled = self.window(maps).unbind()
        mean: Tensor = self.spread(total / (filled + 1e-3))
        return maps[0] - mean * maps[1]
