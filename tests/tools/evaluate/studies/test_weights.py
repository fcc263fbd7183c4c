"""The comparison of weights, on a tiny network and scenes made by hand."""

import math

import pytest
import torch

from engine.musse.net import LiveNet
from engine.training.validation.held_out import NETWORK, held_out_batches, validate
from tests.engine.training.tiny_training import TINY, Scenes
from tools.evaluate.studies.weights import COLUMNS, measured


def test_its_figures_are_those_of_validation() -> None:
    torch.manual_seed(0)
    net = LiveNet(TINY).eval()
    batches = held_out_batches(Scenes(0.3), 4, 4)
    row = dict(zip(COLUMNS, measured(net, batches).row(), strict=True))
    wanted = validate(net, batches, torch.device("cpu")).figures()[NETWORK]
    assert row["NRMSE"] == pytest.approx(wanted["typical_nrmse"], rel=1e-3)
    assert row["pooled"] == pytest.approx(wanted["nrmse"], rel=0.05)
    assert row["error / sigma"] == pytest.approx(wanted["calibration"], rel=0.05)
    assert 0.0 < row["inside 95 %"] <= 1.0
    assert row["displacement"] > 0.0
    assert math.isfinite(row["sum / sigma"])


def test_noisier_scenes_are_worse() -> None:
    torch.manual_seed(0)
    net = LiveNet(TINY).eval()
    clear, noisy = (measured(net, held_out_batches(Scenes(noise), 4, 4)).row() for noise in (0.05, 2.0))
    assert noisy[0] > 1.5 * clear[0]
    assert noisy[COLUMNS.index("displacement")] > clear[COLUMNS.index("displacement")]
