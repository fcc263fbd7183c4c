"""Supervised loss of the live network on simulated truth: strain, and its predicted uncertainty."""

from typing import Final

import torch
from torch import Tensor

from engine.musse.net import LiveNet
from engine.training.data.batches import Batch
from engine.training.losses.accumulated import accumulated_likelihood
from engine.training.losses.supervised import contrast_error, gaussian_likelihood, log_error

FINEST = 1e-3  # of a pair's typical strain: errors below are no longer worth anything
FINEST_MOTION = 1e-3  # cells, a thousandth of a cycle
MIN_STRAIN = 2e-5  # what "typical" is at least, so that a still pair has a scale
SIGMA_SHARE = 0.3  # of the loss: more makes strain wait for its sigma
CONTRAST_SHARE = 8.0  # best at a contrast recovery of 0.91 where r^2 = 0.84, which costs 2 % of the error
PRIOR_SHARE: Final = 0.5
"""Of the prior's own error, beside the posterior's: a prior that leans on the measurement is none."""
MOTION_SHARE: Final = 0.1
PRIOR_SIGMA_SHARE: Final = 0.1


def supervised(net: LiveNet, batches: list[Batch], *, contrast: float = CONTRAST_SHARE) -> dict[str, Tensor]:
    """Terms of the loss over consecutive pairs, () each: "error", "contrast" and "sigma".

    Of the prior alone, as if nothing were coupled. All are in units of each pair's typical strain, so that
    gentle presses count as much as firm ones.
    """
    errors, contrasts, likelihoods = [], [], []
    for batch in batches:
        prior = net(batch.cells).prior
        mask, typical, wanted = _wanted(batch)
        estimate = prior.strain[:, None] / typical
        errors.append(log_error(estimate, wanted, mask, floor=FINEST))
        contrasts.append(contrast_error(estimate, wanted, mask))
        log_std = (prior.strain_std[:, None] / typical + FINEST**2).log()
        likelihoods.append(gaussian_likelihood(estimate - wanted, log_std, mask))
    return {
        "error": torch.stack(errors).mean(),
        "contrast": contrast * torch.stack(contrasts).mean(),
        "sigma": SIGMA_SHARE * torch.stack(likelihoods).mean(),
    }


def coupled(
    net: LiveNet, batches: list[Batch], measured: list[Tensor], *, contrast: float = CONTRAST_SHARE
) -> dict[str, Tensor]:
    """Terms of the loss through the coupling: those of `supervised` of the posterior, and three more.

    "prior" is the error of the uncoupled strain, "prior_sigma" the likelihood of its accumulated error, and
    "motion" the error of displacement in cells. `measured`, one per batch, is 1 where the coupling may use
    what was measured: see `engine.training.data.withheld`.
    """
    seen: dict[str, list[Tensor]] = {}
    for batch, use in zip(batches, measured, strict=True):
        found = net(batch.cells, use)
        mask, typical, wanted = _wanted(batch)
        prior, posterior = (e.strain[:, None] / typical for e in (found.prior, found))
        log_std = (found.strain_std[:, None] / typical + FINEST**2).log()
        prior_std = found.prior.strain_std / typical[:, 0]
        moved = torch.where(batch.counted, batch.motion, 0.0)[:, None]
        terms = {
            "error": log_error(posterior, wanted, mask, floor=FINEST),
            "contrast": contrast * contrast_error(posterior, wanted, mask),
            "sigma": SIGMA_SHARE * gaussian_likelihood(posterior - wanted, log_std, mask),
            "prior": PRIOR_SHARE * log_error(prior, wanted, mask, floor=FINEST),
            "prior_sigma": PRIOR_SIGMA_SHARE
            * accumulated_likelihood((prior - wanted)[:, 0], prior_std, found.prior, mask[:, 0]),
            "motion": MOTION_SHARE
            * log_error(found.axial[:, None], moved, mask * use[:, None], floor=FINEST_MOTION),
        }
        for name, value in terms.items():
            seen.setdefault(name, []).append(value)
    return {name: torch.stack(values).mean() for name, values in seen.items()}


def _wanted(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """(mask, typical strain, true strain in units of it), (batch, 1, rows, cols) and (batch, 1, 1, 1)."""
    mask = batch.counted[:, None].float()
    truth = torch.where(batch.counted, batch.strain, 0.0)[:, None]
    count = mask.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1.0)
    typical = (truth.square().sum(dim=(1, 2, 3), keepdim=True) / count).sqrt() + MIN_STRAIN
    return mask, typical, truth / typical
