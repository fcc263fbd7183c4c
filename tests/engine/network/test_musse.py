import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from engine.errors import InvalidAcquisition
from engine.network.lsse import LeastSquaresStrain
from engine.network.musse import MusseConfiguration, MusseNet
from engine.network.upsample import FACTOR, BandLimitedWarp
from tests.engine.network.small_networks import SMALL_PAPER, wake

SIZE = (64, 32)
CONFIGURATION = MusseConfiguration(window=9, stage=SMALL_PAPER)


class Fixed(nn.Module):
    """A stage with a fixed output, independent of its input."""

    def __init__(self, displacement: Tensor) -> None:
        super().__init__()
        self.displacement = displacement
        self.seen: list[Tensor] = []

    def forward(self, *images_and_state: object) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.seen = [image for image in images_and_state if isinstance(image, Tensor)]
        return self.displacement, ()


def _tone(rows: Tensor, frequency: float = 0.25) -> Tensor:
    return torch.cos(2 * math.pi * frequency * rows.double()).float()


@pytest.mark.parametrize("frequency", [0.06, 0.118, 0.25, 0.4])
def test_warp_keeps_the_band(frequency: float) -> None:
    depth = torch.arange(400.0)[None, None, :, None].expand(1, 1, 400, 3)
    motion = torch.zeros(1, 2, 400, 3)
    motion[:, 0] = 0.02 * torch.arange(400.0)[:, None] - 7.3
    warped = BandLimitedWarp()(_tone(depth, frequency), motion)
    expected = _tone(depth + motion[:, :1], frequency)
    error = (warped - expected)[..., 20:-20, :].abs().max()
    fine = math.pi * frequency / FACTOR  # half a fine sample, radians
    assert error < 1.2 * (1.0 - math.cos(fine)) + 0.006


def test_linear_interpolation_would_not_keep_it() -> None:
    rows = torch.arange(401.0)
    tone = _tone(rows, 0.25)
    half_way = (tone[1:] + tone[:-1]) / 2
    assert (half_way - _tone(rows[:-1] + 0.5, 0.25)).abs().max() > 0.2


def test_warp_of_nothing_and_of_a_constant() -> None:
    image = torch.randn(2, 1, 50, 6)
    assert torch.allclose(BandLimitedWarp()(image, torch.zeros(2, 2, 50, 6)), image, atol=1e-6)
    far = torch.full((2, 2, 50, 6), 30.3)
    assert torch.allclose(BandLimitedWarp()(torch.full_like(image, 3.0), far), torch.tensor(3.0), atol=1e-5)
    # the controls: a little motion shows, and far motion of what is not constant too
    assert not torch.allclose(BandLimitedWarp()(image, torch.full_like(far, 0.01)), image, atol=1e-6)
    assert not torch.allclose(BandLimitedWarp()(3.0 + image, far), torch.tensor(3.0), atol=1e-1)


@pytest.mark.parametrize(("rows", "window"), [(120, 31), (200, 97), (20, 31)])
def test_strain_is_the_slope_of_a_fitted_line(rows: int, window: int) -> None:
    """The same as fitting lines one by one, at the borders too."""
    u = torch.randn(2, 1, rows, 3, generator=torch.Generator().manual_seed(0))
    strain = LeastSquaresStrain(window)(u)
    for row in {0, 1, window // 2, rows // 2, rows - 2, rows - 1}:
        span = slice(max(0, row - window // 2), min(rows, row + window // 2 + 1))
        places = np.arange(rows)[span]
        for line in range(3):
            fitted = np.polyfit(places, u[1, 0, span, line].double().numpy(), 1)[0]
            assert float(strain[1, 0, row, line]) == pytest.approx(fitted, abs=1e-5)


def test_border_shows_a_uniform_strain_unlike_zero_padding() -> None:
    ramp = (-0.02 * torch.arange(300.0) + 40.0)[None, None, :, None].expand(1, 1, 300, 2)
    strain = LeastSquaresStrain(97)(ramp)
    assert torch.allclose(strain, torch.tensor(-0.02), atol=1e-5)
    offsets = torch.arange(-48.0, 49.0)[None, None, :, None]
    padded = 12.0 * conv2d(ramp, offsets, padding=(48, 0)) / (97 * (97**2 - 1))
    assert (padded + 0.02).abs().max() > 0.2


@pytest.mark.parametrize("window", [1, 8])
def test_a_window_without_a_middle_is_refused(window: int) -> None:
    with pytest.raises(InvalidAcquisition, match=f"window = {window}"):
        LeastSquaresStrain(window)


def test_stages_compose() -> None:
    """D = R + D1 at the place R points to: with both known, post is found exactly; a plain sum misses."""
    network = MusseNet(CONFIGURATION)
    z = torch.arange(400.0)[:, None].expand(400, 8)
    first = torch.zeros(1, 2, 400, 8)
    first[:, 0] = 0.05 * z
    residual = torch.zeros(1, 2, 400, 8)
    residual[:, 0] = 4.0
    stages = [Fixed(first), Fixed(residual)]
    network.stages = nn.ModuleList(stages)
    post = torch.randn(1, 1, 400, 8)
    displacement, strain, state = network(torch.randn(1, 1, 400, 8), post, ())
    assert state == ()
    assert torch.allclose(displacement[0, 0, :390], (4.0 + 0.05 * (z + 4.0))[:390], atol=1e-4)
    assert torch.allclose(strain[0, 0, 20:380], torch.tensor(0.05), atol=1e-5)
    assert torch.equal(stages[1].seen[1], BandLimitedWarp()(post, first))  # the original, warped once


def test_two_stages_learn_and_remember_apart() -> None:
    torch.manual_seed(0)
    network = MusseNet(MusseConfiguration(window=9, stage=SMALL_PAPER))
    for stage in network.stages:
        wake(stage)
    state = network.zero_state(SIZE)
    pre, post = torch.randn(1, 1, *SIZE), torch.randn(1, 1, *SIZE)
    _, _, state = network(pre, post, state)
    displacement, strain, following = network(pre, post, state)
    assert displacement.shape == (1, 2, *SIZE)
    assert strain.shape == (1, 1, *SIZE)
    assert [part.shape for part in following] == [part.shape for part in network.zero_state(SIZE)]
    middle = len(following) // 2
    assert not torch.equal(following[0], following[middle])
    (displacement.square().mean() + strain.square().mean()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_untrained_gives_no_motion_and_no_strain() -> None:
    network = MusseNet(CONFIGURATION)
    displacement, strain, _ = network(
        torch.randn(1, 1, *SIZE), torch.randn(1, 1, *SIZE), network.zero_state(SIZE)
    )
    assert torch.equal(displacement, torch.zeros_like(displacement))
    assert torch.equal(strain, torch.zeros_like(strain))
