"""Terms that compare with the truth: of the estimate, and of the uncertainty it claims."""

import torch
from torch import Tensor


def log_error(estimate: Tensor, truth: Tensor, mask: Tensor, *, floor: float) -> Tensor:
    """Mean over pairs of log(mean |error|) + log(rms error), over the pixels of `mask`; shapes (b, c, h, w).

    A logarithm per pair, so that clean pairs count as much as noisy ones: halving the error of either is
    worth the same. The rms minds the outliers that the mean forgives. `floor`, in the unit of the estimate,
    is added to both, so that a perfect pair stays finite: an error far below what matters. `mask` is 0 or 1;
    pairs without a pixel are left out.
    """
    mask = mask.expand_as(estimate)
    count = mask.sum(dim=(1, 2, 3))
    error = (estimate - truth) * mask
    known = (count > 0).to(error.dtype)
    count = count.clamp(min=1.0)
    mean = error.abs().sum(dim=(1, 2, 3)) / count
    # inside the root: the root of zero has no gradient
    rms = (error.square().sum(dim=(1, 2, 3)) / count + floor**2).sqrt()
    return (((mean + floor).log() + rms.log()) * known).sum() / known.sum().clamp(min=1.0)


def gaussian_likelihood(error: Tensor, log_sigma: Tensor, mask: Tensor) -> Tensor:
    """Negative log likelihood of `error` under standard deviations exp(`log_sigma`), without its constant.

    Mean over the pixels of `mask` (0 or 1); all (b, c, h, w). The error is detached: the claim has to follow
    the error, and must not make the estimate worse where it pays to call it uncertain.
    """
    mask = mask.expand_as(log_sigma)
    scaled = error.detach() * torch.exp(-log_sigma)
    return ((0.5 * scaled.square() + log_sigma) * mask).sum() / mask.sum().clamp(min=1.0)
