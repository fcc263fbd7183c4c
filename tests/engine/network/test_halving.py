"""Pooling of any size without `ceil_mode`, which torch-tensorrt does not convert."""

import pytest
import torch
from torch.nn.functional import max_pool2d

from engine.network.encoder import halved


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (9, 8), (8, 9), (125, 63)])
def test_halving_equals_a_pool_that_rounds_up(size: tuple[int, int]) -> None:
    image = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)) - 3.0  # zeros would win
    assert torch.equal(halved(image), max_pool2d(image, 2, ceil_mode=True))


def test_a_pool_that_rounds_down_would_lose_the_last_row() -> None:
    image = torch.randn(1, 1, 9, 8)
    assert max_pool2d(image, 2).shape != halved(image).shape
