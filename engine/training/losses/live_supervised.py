"""Supervised loss of the live network on simulated truth: strain, and its predicted uncertainty."""

import torch
from torch import Tensor

from engine.musse.net import LiveNet
from engine.training.data.batches import Batch
from engine.training.losses.supervised import contrast_error, gaussian_likelihood, log_error

FINEST = 1e-3  # of a pair's typical strain: errors below are no longer worth anything
MIN_STRAIN = 2e-5  # what "typical" is at least, so that a still pair has a scale
SIGMA_SHARE = 0.3  # of the loss: more makes strain wait for its sigma
CONTRAST_SHARE = 8.0  # best at a contrast recovery of 0.91 where r^2 = 0.84, which costs 2 % of the error


def supervised(net: LiveNet, batches: list[Batch]) -> dict[str, Tensor]:
    """Terms of the loss over consecutive pairs, () each: "error", "contrast" and "sigma".

    All are in units of each pair's typical strain, so that gentle presses count as much as firm ones.
    """
    errors, contrasts, likelihoods = [], [], []
    for batch in batches:
        prior = net(batch.cells).prior
        mask = batch.counted[:, None].float()
        truth = torch.where(batch.counted, batch.strain, 0.0)[:, None]
        count = mask.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1.0)
        typical = (truth.square().sum(dim=(1, 2, 3), keepdim=True) / count).sqrt() + MIN_STRAIN
        estimate, wanted = prior.strain[:, None] / typical, truth / typical
        errors.append(log_error(estimate, wanted, mask, floor=FINEST))
        contrasts.append(contrast_error(estimate, wanted, mask))
        log_std = (prior.strain_std[:, None] / typical + FINEST**2).log()
        likelihoods.append(gaussian_likelihood(estimate - wanted, log_std, mask))
    return {
        "error": torch.stack(errors).mean(),
        "contrast": CONTRAST_SHARE * torch.stack(contrasts).mean(),
        "sigma": SIGMA_SHARE * torch.stack(likelihoods).mean(),
    }
