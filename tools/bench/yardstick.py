"""A published network of known speed, to divide by: times of one machine mean little, ratios much.

The geometry is that of ReUSENet with 8 channels (Delaunay 2021, github.com/RemiDelaunay/DeepUSE): 1.50 M
parameters, 14.8 GFLOP at 2000 x 128. Weights are random and batch norm is folded into the convolutions,
which is the fastest form it has. It estimates nothing.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

SHAPE = (2000, 128)
CHANNELS = (8, 16, 32, 64)
BOTTLENECK = 128
OPSET = 18


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class _Down(nn.Module):
    """Three convolutions with a shortcut around the last two; the first is the skip."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList((_conv(inputs, outputs), _conv(outputs, outputs), _conv(outputs, outputs)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second, third = self.convs
        skip = relu(first(x))
        return max_pool2d(relu(skip + third(relu(second(skip)))), 2), skip


class _Cell(nn.Module):
    """ConvLSTM."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.gates = _conv(inputs + width, 4 * width)

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        gates, n = self.gates(torch.cat((x, hidden), dim=1)), self.width
        i, f, o = gates[:, :n].sigmoid(), gates[:, n : 2 * n].sigmoid(), gates[:, 2 * n : 3 * n].sigmoid()
        cell = f * cell + i * gates[:, 3 * n :].tanh()
        return o * cell.tanh(), cell


class Yardstick(nn.Module):
    """(pre and post (1, 2, rows, lines), state) -> (displacement (1, 2, rows, lines), state).

    Rows and lines are multiples of 16; the state holds h and c of five levels, coarsest first.
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = (2, *CHANNELS)
        fine = CHANNELS[::-1]
        coarse = (BOTTLENECK, *fine[:-1])
        self.down = nn.ModuleList(_Down(a, b) for a, b in zip(sizes[:-1], CHANNELS, strict=True))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1)
            for a, b in zip(coarse, fine, strict=True)
        )
        inputs = (CHANNELS[-1], *fine)
        self.cells = nn.ModuleList(_Cell(a, b) for a, b in zip(inputs, (BOTTLENECK, *fine), strict=True))
        self.heads = nn.ModuleList(_conv(width, 2) for width in (BOTTLENECK, *fine))

    def forward(self, frames: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        skips, x = [], frames
        for block in self.down:
            x, skip = block(x)
            skips.append(skip)
        displacement = torch.zeros_like(frames)
        following: list[Tensor] = []
        for level, (cell, head) in enumerate(zip(self.cells, self.heads, strict=True)):
            if level:
                skip, half = skips[-level], x.shape[1] // 2
                doubled = _to_size_of(skip, x)  # both halves of its channels are added
                x = relu(self.up[level - 1](x)) + skip + doubled[:, :half] + doubled[:, half:]
            x, c = cell(x, state[2 * level], state[2 * level + 1])
            following += [x, c]
            displacement = displacement + _to_size_of(frames, head(x))
        return displacement, tuple(following)


def _to_size_of(fine: Tensor, coarse: Tensor) -> Tensor:
    return interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=True)


def yardstick_inputs(shape: tuple[int, int] = SHAPE) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Noise for frames, and a zero state."""
    widths = (BOTTLENECK, *CHANNELS[::-1])
    state = [
        torch.zeros(1, width, shape[0] >> level, shape[1] >> level)
        for width, level in zip(widths, range(len(CHANNELS), -1, -1), strict=True)
        for _ in "hc"
    ]
    return torch.randn(1, 2, *shape, generator=torch.Generator().manual_seed(0)), tuple(state)


def onnx_of(network: nn.Module, inputs: tuple[Any, ...]) -> bytes:
    """The network for inputs of exactly this size, as an ONNX file."""
    exported = torch.onnx.export(network.eval(), inputs, dynamo=True, opset_version=OPSET, verbose=False)
    assert exported is not None  # noqa: S101 - it is None only where a file name is given
    file: bytes = exported.model_proto.SerializeToString()
    return file
