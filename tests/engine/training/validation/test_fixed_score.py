"""The shipped weights are as good as their manifest records, on a small fixed set."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from engine.factory import shipped_weights
from engine.musse.checkpoint import load
from engine.musse.net import LiveNet
from engine.musse.residual import fit_windows
from engine.training.data.batches import Batch
from engine.training.validation.fixed_score import fixed_batches, fixed_score

pytestmark = pytest.mark.usefixtures("one_thread")

TOLERANCE = 0.005  # of a pair's error: another machine's arithmetic changes it by a ten-thousandth
DAMAGE = 0.05


def departure(found: Mapping[str, float], recorded: Mapping[str, float]) -> float:
    """RMS over pairs of the change of the error, as a share of it."""
    return float(np.sqrt(np.mean([(found[name] / recorded[name] - 1.0) ** 2 for name in recorded])))


def of_best_window(batch: Batch) -> float:
    """The least error of the network's six strain windows, chosen with the truth."""
    found, _ = fit_windows(batch.cells)
    truth = batch.strain[batch.counted]
    errors = [(window[batch.counted] - truth).square().mean() for window in found.strain.unbind(dim=1)]
    return float((torch.stack(errors).min() / truth.square().mean()).sqrt())


def damaged(net: LiveNet) -> LiveNet:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.mul_(1.0 + DAMAGE * torch.randn(tensor.shape, generator=generator))
    return net


def test_the_shipped_weights_score_as_recorded_and_damaged_ones_do_not() -> None:
    batches = fixed_batches()
    net, manifest = load(shipped_weights())
    recorded = manifest.trained["score"]
    found = fixed_score(net, batches)
    assert departure(found, recorded) < TOLERANCE
    windows = [of_best_window(batch) for batch in batches]
    ratios = np.array(list(found.values())) / windows
    assert float(np.exp(np.log(ratios).mean())) < 0.9  # better than any fixed window
    assert departure(fixed_score(damaged(net), batches), recorded) > TOLERANCE  # the negative control
