"""The prior's sigma by what its errors add up to: independent from cell to cell, their sum over n cells has
the variance n sigma^2.

Errors of neighbouring cells are alike, so sigma cannot be right at every n at once. It is right where it
decides: over as many cells as it takes the prior to become as uncertain as the difference of two measured
displacements, sigma^2 n = 2 v.
"""

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from engine.musse.residual import Prior

LENGTHS: Final = (2, 4, 8, 16, 32)
"""Cells along depth; 32 also stands for the longer ones, and for lines without measurement."""
TINY: Final = 1e-12


def sums(error: Tensor, std: Tensor, prior: Prior, mask: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """For each of `LENGTHS`: squared sum of `error`, sum of `std` squared, and a weight 0-1.

    All (batch, rows, cols) with fewer rows for longer sums. `std` is the prior's sigma in the unit of
    `error`; the weight, linear in the logarithm of the length, is that of the length at which the prior
    becomes as uncertain as what was measured, and 0 where a cell of the sum is outside `mask`.
    """
    doubt = (prior.strain_std.square() * prior.precision).detach()
    for length in LENGTHS:

        def total(maps: Tensor, n: int = length) -> Tensor:
            return n * avg_pool2d(maps, (n, 1), stride=1)

        wanted = (2.0 * length / total(doubt).clamp(min=TINY)).clamp(LENGTHS[0], LENGTHS[-1])
        near = (1.0 - (wanted.log2() - torch.tensor(float(length)).log2().to(wanted)).abs()).clamp(min=0.0)
        whole = total(mask) > length - 0.5
        yield total(error).square(), total(std.square()), near * whole


def accumulated_likelihood(error: Tensor, std: Tensor, prior: Prior, mask: Tensor) -> Tensor:
    """Negative log likelihood of the sums of `error` under the prior's sigma, without its constant.

    Mean over cells of `mask` (0 or 1). Maps (batch, rows, cols); the error is detached.
    """
    lost, counted = error.new_zeros(()), error.new_zeros(())
    for squared, variance, weight in sums(error.detach(), std, prior, mask):
        lost = (
            lost
            + (weight * 0.5 * (squared / variance.clamp(min=TINY) + variance.clamp(min=TINY).log())).sum()
        )
        counted = counted + weight.sum()
    return lost / counted.clamp(min=1.0)
