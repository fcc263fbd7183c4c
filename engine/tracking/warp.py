"""Sampling a moving image at displaced positions, in torch."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def bordered(planes: Tensor) -> Tensor:
    """Planes (channels, n_lines, n_rows) with a border of zeros, one wide: what `warp` samples."""
    return pad(planes, (1, 1, 1, 1))


def warp(planes: Tensor, rows: Tensor, lines: Tensor) -> Tensor:
    """Values of `bordered` planes at real-valued positions, bilinear, 0 outside.

    `rows` and `lines` are (lines, rows) maps of positions in the rows and lines inside the border. They must
    be float32: half precision is wrong by a quarter of a sample at depth. Returns (channels, lines, rows).
    A gather, not grid_sample: TensorRT converts it whole, and coordinates in samples round less.
    """
    width = planes.shape[2]
    # beyond the border the fraction is 0 or 1 and takes the border alone
    row = rows.floor().clamp(-1, width - 3)
    line = lines.floor().clamp(-1, planes.shape[1] - 3)
    down, aside = (rows - row).clamp(0, 1), (lines - line).clamp(0, 1)
    # counted in integers: float32 cannot separate the pixels of a large frame
    corner = ((line + 1).to(torch.int64) * width + (row + 1).to(torch.int64)).view(1, -1)
    flat = planes.flatten(1)

    def at(offset: int) -> Tensor:
        # moved indices, not slices of `flat`: those copy it. ONNX Runtime is slow at index_select
        return flat.gather(1, (corner + offset).expand(len(planes), -1)).view(-1, *rows.shape)

    left, right = at(0), at(width)
    left = torch.addcmul(left, at(1) - left, down)
    right = torch.addcmul(right, at(width + 1) - right, down)
    values: Tensor = torch.addcmul(left, right - left, aside)
    return values
