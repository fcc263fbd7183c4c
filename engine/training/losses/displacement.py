"""Displacement and strain against simulated truth: what warm-starts the published network."""

import torch
from torch import Tensor

FINEST = 0.02  # rows: an error below that is as good as none
FINEST_STRAIN = 3e-4
FIRST_STAGE = 0.5  # weight of the first stage's own error
LATERAL = 0.2  # weight of a line's error against a row's: RF shows lateral motion badly


def displacement_loss(first: Tensor, final: Tensor, truth: Tensor) -> Tensor:
    """(), mean over the batch of the logarithm of each pair's mean error, in rows and lines.

    `first`, `final` and `truth` are (b, 2, rows, lines); NaN in `truth` means that there is none. The
    logarithm counts a clean pair as much as a noisy one. Where there is one stage, `first` is `final`.
    """
    loss = _log_error(final, truth)
    return loss if first is final else loss + FIRST_STAGE * _log_error(first, truth)


def strain_loss(strain: Tensor, truth: Tensor) -> Tensor:
    """(), mean over the batch of the logarithm of each pair's mean error of strain (b, 1, rows, lines)."""
    return (_mean_error(strain, truth, FINEST_STRAIN)[:, 0] + FINEST_STRAIN).log().mean()


def _log_error(moved: Tensor, truth: Tensor) -> Tensor:
    mean = _mean_error(moved, truth, FINEST)
    return (mean[:, 0] + LATERAL * mean[:, 1] + FINEST).log().mean()


def _mean_error(found: Tensor, truth: Tensor, finest: float) -> Tensor:
    """(b, channels) mean error where there is truth, rounded off below `finest`."""
    seen = torch.isfinite(truth)
    error = (found - truth.nan_to_num()).square().add(finest**2).sqrt()
    error = torch.where(seen, error, torch.zeros_like(error)).sum(dim=(2, 3))
    return error / seen.sum(dim=(2, 3)).clamp(min=1)
