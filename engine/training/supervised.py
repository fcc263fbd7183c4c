"""Learning from simulated truth: every pair counts alike, however much it strains and however noisy it is."""

import torch
from torch import Tensor

from engine.network.fusing import Fused
from engine.network.live import LiveNet
from engine.training.batches import Batch

FINEST = 1e-3  # of a pair's typical strain: errors below are no longer worth anything
SIGMA_SHARE = 0.3  # of the loss: more makes strain wait for its sigma
TINY = 1e-14


def supervised(net: LiveNet, batches: list[Batch]) -> dict[str, Tensor]:
    """Terms of the loss over consecutive pairs: log mean and log rms of the strain error, and sigma's likelihood.

    Logarithms, so that a clean pair whose error is halved is worth as much as a noisy one; the Gaussian
    likelihood sees the error as given, or a large sigma would excuse it.
    """
    state = net.zero_state(batches[0].cells)
    point, likelihood = [], []
    for batch in batches:
        fused, state = net(batch.cells, state)
        error, likely = pair_terms(fused, batch)
        point.append(error)
        likelihood.append(likely)
    return {"error": torch.stack(point).mean(), "sigma": SIGMA_SHARE * torch.stack(likelihood).mean()}


def pair_terms(fused: Fused, batch: Batch) -> tuple[Tensor, Tensor]:
    """(log mean |error| + log rms error, negative log likelihood of sigma), means over the batch."""
    counted = batch.counted
    truth = torch.where(counted, batch.strain, 0.0)
    number = counted.sum(dim=(-2, -1)).clamp(min=1)
    typical = (truth.square().sum(dim=(-2, -1)) / number).sqrt() + 2e-5
    error = torch.where(counted, fused.strain - truth, 0.0)
    mean = error.abs().sum(dim=(-2, -1)) / number / typical
    root = (error.square().sum(dim=(-2, -1)) / number + TINY).sqrt() / typical
    point = (mean + FINEST).log() + (root + FINEST).log()
    given, variance = error.detach().square(), fused.strain_std.square() + TINY
    per_pixel = 0.5 * (variance / typical[:, None, None].square()).log() + 0.5 * given / variance
    likelihood = torch.where(counted, per_pixel, 0.0).sum(dim=(-2, -1)) / number
    return point.mean(), likelihood.mean()
