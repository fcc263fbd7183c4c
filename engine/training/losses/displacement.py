"""Displacement and strain against simulated truth: what warm-starts the published network."""

import torch
from torch import Tensor

FINEST = 0.02  # rows: an error below that is as good as none
FIRST_STAGE = 0.5  # weight of the first stage's own error
LATERAL = 0.5  # weight of a line's error against a row's
MIN_STRAIN = 1e-3  # mean |strain| below which strain errors are not divided by it


def displacement_loss(first: Tensor, final: Tensor, truth: Tensor) -> Tensor:
    """(), mean over the batch of the logarithm of each pair's mean error, in rows and lines.

    `first`, `final` and `truth` are (b, 2, rows, lines); NaN in `truth` means that there is none. The
    logarithm counts a clean pair as much as a noisy one.
    """
    return _log_error(final, truth) + FIRST_STAGE * _log_error(first, truth)


def strain_loss(strain: Tensor, truth: Tensor) -> Tensor:
    """(), mean absolute error of strain (b, 1, rows, lines) over the mean true strain of each pair."""
    seen = torch.isfinite(truth)
    error = torch.where(seen, (strain - truth.nan_to_num()).abs(), torch.zeros_like(strain))
    size = truth.nan_to_num().abs()
    count = seen.sum(dim=(1, 2, 3)).clamp(min=1)
    scale = size.sum(dim=(1, 2, 3)) / count
    return (error.sum(dim=(1, 2, 3)) / count / scale.clamp(min=MIN_STRAIN)).mean()


def _log_error(moved: Tensor, truth: Tensor) -> Tensor:
    seen = torch.isfinite(truth)
    error = (moved - truth.nan_to_num()).square().add(FINEST**2).sqrt()
    error = torch.where(seen, error, torch.zeros_like(error)).sum(dim=(2, 3))
    mean = error / seen.sum(dim=(2, 3)).clamp(min=1)
    return (mean[:, 0] + LATERAL * mean[:, 1] + FINEST).log().mean()
