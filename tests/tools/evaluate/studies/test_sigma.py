"""The table of the standard deviation of strain, on pixels made by hand."""

import numpy as np
import pytest
import torch

from engine.musse.net import LiveNet
from engine.training.validation.held_out import held_out_batches
from tests.engine.training.tiny_training import TINY, Scenes
from tools.evaluate.studies.sigma import Pixels, pixels_of, row


def _cells(factor: float, *, ranked: bool = True) -> list[str]:
    """Of pairs whose errors are `factor` times what the deviation states, or unrelated to it."""
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(4):
        std = rng.uniform(0.05, 0.5, 5000)
        error = factor * std * rng.normal(size=5000)
        pairs.append(Pixels(error, std if ranked else rng.permutation(std), rng.uniform(0.5, 1.0, 5000)))
    return row(pairs).split(" | ")


def test_errors_as_large_as_stated_give_one_everywhere() -> None:
    ratio, inside, deciles, bands, ranking = _cells(1.0)
    assert float(ratio) == pytest.approx(1.0, abs=0.03)
    assert float(inside.removesuffix(" %")) == pytest.approx(95.0, abs=1.0)
    assert [float(value) for value in deciles.split(",")] == pytest.approx([1.0] * 10, abs=0.1)
    assert [float(value) for value in bands.split(",")] == pytest.approx([1.0] * 3, abs=0.1)
    assert float(ranking) > 0.4


def test_what_is_wrong_shows() -> None:
    assert float(_cells(2.0)[0]) == pytest.approx(2.0, abs=0.06)
    deciles = [float(value) for value in _cells(1.0, ranked=False)[2].split(",")]
    assert deciles[0] > 3.0
    assert deciles[-1] < 0.8
    assert abs(float(_cells(1.0, ranked=False)[-1])) < 0.1


def test_pixels_are_those_with_a_truth() -> None:
    torch.manual_seed(0)
    batches = held_out_batches(Scenes(0.3), 2, 4)
    found = pixels_of(LiveNet(TINY).eval(), batches)
    counted = torch.cat([batch.counted for batch in batches])
    assert [pair.error.size for pair in found] == [int(use.sum()) for use in counted]
    assert all(np.isfinite(pair.error).all() and (pair.std > 0).all() for pair in found)
