"""Sampling an image at displaced positions: differentiable, exact at depth, and of operators that every
runtime converts (grid_sample normalises its coordinates, and TensorRT's is in doubt)."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def warp(image: Tensor, displacement: Tensor) -> Tensor:
    """`image` (b, c, rows, lines) at (z + u, x + v): aligns post with pre. See `sample` for the border.

    `displacement` is (b, 2, rows, lines), with u (samples) in channel 0 and v (lines) in channel 1.
    """
    rows, lines = positions(displacement)
    return sample(image, rows, lines)


def positions(displacement: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, lines), each (b, rows, lines): where a displacement (b, 2, rows, lines) takes every pixel."""
    n_rows, n_lines = displacement.shape[-2:]
    device = displacement.device
    rows = torch.arange(n_rows, device=device)[:, None]
    lines = torch.arange(n_lines, device=device)[None, :]
    return displacement[:, 0] + rows, displacement[:, 1] + lines


def sample(image: Tensor, rows: Tensor, lines: Tensor) -> Tensor:
    """`image` (b, c, n_rows, n_lines) at real-valued positions (b, h, w) -> (b, c, h, w), bilinear.

    Positions are in rows and lines of `image`. Outside it the nearest edge is repeated, and the gradient to
    the position is 0; see `inside`. Raises TypeError for positions in half precision, which are
    wrong by a quarter of a sample at depth; the image may be half.
    """
    if rows.dtype in HALF or lines.dtype in HALF:
        raise TypeError(f"positions must be float32, not {rows.dtype} and {lines.dtype}")
    n_rows, n_lines = image.shape[-2:]
    row0, row_share = _below(rows, n_rows)
    line0, line_share = _below(lines, n_lines)
    row1 = (row0 + 1).clamp(max=n_rows - 1)
    line1 = (line0 + 1).clamp(max=n_lines - 1)
    flat = image.flatten(2)

    def at(row: Tensor, line: Tensor) -> Tensor:
        index = (row * n_lines + line).flatten(1)[:, None].expand(-1, image.shape[1], -1)
        return flat.gather(2, index).reshape(*image.shape[:2], *rows.shape[1:])

    row_share, line_share = row_share[:, None], line_share[:, None]
    above = at(row0, line0) * (1.0 - line_share) + at(row0, line1) * line_share
    below = at(row1, line0) * (1.0 - line_share) + at(row1, line1) * line_share
    return above * (1.0 - row_share) + below * row_share


def inside(rows: Tensor, lines: Tensor, size: tuple[int, int]) -> Tensor:
    """Whether positions lie within an image of `size` = (rows, lines), bool, of the positions' shape."""
    n_rows, n_lines = size
    return (rows >= 0.0) & (rows <= n_rows - 1.0) & (lines >= 0.0) & (lines <= n_lines - 1.0)


def _below(position: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Index of the pixel at or before a position, and the share of the one after it."""
    position = position.clamp(0.0, count - 1.0)
    before = position.detach().floor()
    return before.long(), position - before
