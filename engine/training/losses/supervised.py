"""Terms that compare with the truth: of the estimate, and of its predicted uncertainty."""

import torch
from torch import Tensor

MIN_CONTRAST = 0.02  # standard deviation of truth, in its own unit: with less, contrast recovery is undefined
MAX_MISSING = (
    1.0  # of a pair's contrast recovery that counts: one overshooting estimate would outweigh its whole batch
)
TINY = 1e-9


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
    used = (count > 0).to(error.dtype)
    count = count.clamp(min=1.0)
    mean = error.abs().sum(dim=(1, 2, 3)) / count
    # inside the root: the root of zero has no gradient
    rms = (error.square().sum(dim=(1, 2, 3)) / count + floor**2).sqrt()
    return (((mean + floor).log() + rms.log()) * used).sum() / used.sum().clamp(min=1.0)


def contrast_error(estimate: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean over pairs of r^4 (b - 1)^2, over the pixels of `mask`; shapes (b, c, h, w).

    b is the contrast recovery: the slope of the estimate regressed on the truth; r is their correlation,
    treated as constant. The estimate of least squared error has b = r^2: it shrinks contrast in proportion to
    its uncertainty. Where tissue is well resolved, restoring contrast costs little error (at r^2 = 0.84,
    b = 0.90 costs 1.5 %); elsewhere the restored contrast would be noise, and r^4 makes the term negligible.
    b is limited to 1 + `MAX_MISSING`. Pairs without contrast are left out.
    """
    mask = mask.expand_as(estimate)
    count = mask.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1.0)

    def centred(values: Tensor) -> Tensor:
        return (values - (values * mask).sum(dim=(1, 2, 3), keepdim=True) / count) * mask

    e, t = centred(estimate), centred(truth)
    both, own, of_truth = ((a * b).sum(dim=(1, 2, 3)) for a, b in ((e, t), (e, e), (t, t)))
    contrast = (of_truth > MIN_CONTRAST**2 * count.flatten()).to(e.dtype)
    r = (both / (own * of_truth).clamp(min=TINY).sqrt()).clamp(min=0.0).detach()
    missing = (both / of_truth.clamp(min=TINY) - 1.0).clamp(max=MAX_MISSING)
    return (r**4 * missing.square() * contrast).sum() / contrast.sum().clamp(min=1.0)


def gaussian_likelihood(error: Tensor, log_sigma: Tensor, mask: Tensor) -> Tensor:
    """Negative log likelihood of `error` under standard deviations exp(`log_sigma`), without its constant.

    Mean over the pixels of `mask` (0 or 1); all (b, c, h, w). The error is detached: the prediction must
    follow the error, and must not make the estimate worse where it pays to call it uncertain.
    """
    mask = mask.expand_as(log_sigma)
    scaled = error.detach() * torch.exp(-log_sigma)
    return ((0.5 * scaled.square() + log_sigma) * mask).sum() / mask.sum().clamp(min=1.0)
