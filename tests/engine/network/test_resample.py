import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from engine.network.resample import inside, positions, sample, warp


def test_agrees_with_scipy_at_depth() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 3, 2000, 12, generator=generator)
    rows = torch.rand(2, 40, 12, generator=generator) * 2010 - 5
    lines = torch.rand(2, 40, 12, generator=generator) * 14 - 1
    found = sample(image, rows, lines)
    for b in range(2):
        place = np.stack((rows[b].numpy(), lines[b].numpy())).astype(np.float64)
        for c in range(3):
            expected = map_coordinates(image[b, c].numpy().astype(np.float64), place, order=1, mode="nearest")
            assert np.abs(found[b, c].numpy() - expected).max() < 1e-3  # float32 positions at depth 2000


def test_whole_pixels_are_copied() -> None:
    image = torch.randn(1, 2, 30, 20)
    displacement = torch.zeros(1, 2, 30, 20)
    assert torch.equal(warp(image, displacement), image)
    displacement[:, 0], displacement[:, 1] = 3.0, -2.0
    moved = warp(image, displacement)
    assert torch.equal(moved[..., :-3, 2:], image[..., 3:, :-2])
    assert torch.equal(moved[..., -1, 2:], image[..., -1, :-2])  # the edge is repeated
    outside = ~inside(*positions(displacement), (30, 20))
    assert torch.equal(outside[0], (torch.arange(30)[:, None] > 26) | (torch.arange(20)[None] < 2))


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 2, 9, 7, generator=generator, dtype=torch.float64, requires_grad=True)
    motion = torch.rand(1, 2, 9, 7, generator=generator, dtype=torch.float64) * 0.8 + 0.1
    motion.requires_grad_()
    assert torch.autograd.gradcheck(warp, (image, motion))


def test_positions_in_half_precision_are_refused() -> None:
    rows = torch.zeros(1, 4, 4)
    half = torch.ones(1, 1, 4, 4, dtype=torch.float16)
    assert sample(half, rows, rows).dtype == torch.float32
    with pytest.raises(TypeError, match="float32"):
        sample(half, rows.half(), rows.half())
