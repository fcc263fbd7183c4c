"""Sampling a moving image at displaced positions, in torch."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def warp(planes: Tensor, rows: Tensor, lines: Tensor) -> Tensor:
    """Values of `planes` (channels, n_lines, n_rows) at real-valued positions, bilinear, 0 outside.

    `rows` and `lines` are (lines, rows) maps of positions in the rows and lines of `planes`. Coordinates must
    be float32: half precision is wrong by a quarter of a sample at depth. Returns (channels, lines, rows).
    """
    n_lines, n_rows = planes.shape[-2:]
    position = torch.stack((rows * (2.0 / (n_rows - 1)) - 1.0, lines * (2.0 / (n_lines - 1)) - 1.0), dim=-1)
    return grid_sample(
        planes[None], position[None], mode="bilinear", padding_mode="zeros", align_corners=True
    )[0]
