"""Terms without truth, each with a control that it distinguishes right from wrong."""

import math

import pytest
import torch
from torch import Tensor

from engine.network.upsample import BandLimitedWarp
from engine.training.losses.consistency import Consistency, consistency
from engine.training.losses.paper import Objective, unsupervised
from engine.training.losses.similarity import lncc, similarity_loss
from engine.training.losses.smoothness import smoothness

WINDOW = (40, 5)


def _rf(rows: int = 240, lines: int = 12, seed: int = 0) -> Tensor:
    """Speckle at 0.15 cycles per sample with a bandwidth of 60 %, (1, 1, rows, lines)."""
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(torch.randn(lines, rows, generator=generator))
    frequency = torch.fft.rfftfreq(rows)
    spectrum *= torch.exp(-0.5 * ((frequency - 0.15) / 0.04) ** 2)
    image: Tensor = torch.fft.irfft(spectrum, rows).T[None, None]
    return image.contiguous()


def _moved(image: Tensor, samples: float) -> Tensor:
    """`image` shifted down the beam, exactly (and around)."""
    rows = image.shape[-2]
    turn = torch.exp(-2j * math.pi * torch.fft.rfftfreq(rows) * samples)[:, None]
    moved: Tensor = torch.fft.irfft(torch.fft.rfft(image, dim=-2) * turn, rows, dim=-2)
    return moved


def _uniform(samples: float, like: Tensor) -> Tensor:
    motion = torch.zeros(1, 2, *like.shape[-2:])
    motion[:, 0] = samples
    return motion


def test_lncc_is_the_correlation_of_each_window() -> None:
    first, second = _rf(seed=1), _rf(seed=2) + 0.5 * _rf(seed=1)
    correlation, _ = lncc(first, second, WINDOW)
    assert correlation.shape == (1, 1, 240 - 39, 12 - 4)
    for row, line in ((0, 0), (100, 3), (200, 7)):
        pieces = [image[0, 0, row : row + 40, line : line + 5].flatten() for image in (first, second)]
        expected = torch.corrcoef(torch.stack(pieces))[0, 1]
        assert correlation[0, 0, row, line] == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("gain", [-1.0, 1e-4, 3e4])
def test_lncc_ignores_gain_and_keeps_sign(gain: float) -> None:
    image = _rf()
    correlation, _ = lncc(image, gain * image, WINDOW)
    assert torch.allclose(correlation, torch.tensor(math.copysign(1.0, gain)), atol=1e-4)


@pytest.mark.parametrize("dead", ["all", "half"])
def test_lncc_without_energy_is_zero_and_finite(dead: str) -> None:
    image = _rf()
    if dead == "all":
        image.zero_()
    else:
        image[..., 120:, :] = 0.0
    image.requires_grad_()
    correlation, energy = lncc(image, image.detach(), WINDOW)
    assert torch.all(correlation[..., 120:, :].abs() < 1e-6)
    assert torch.all(energy[..., 120:, :] == 0.0)
    correlation.sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()


def test_similarity_is_best_at_the_true_motion() -> None:
    """And rises within a quarter of a wavelength to either side, with a gradient that leads back."""
    pre = _rf()
    post = _moved(pre, 3.4)
    warp = BandLimitedWarp()
    losses = {}
    for error in (-1.6, -0.4, 0.0, 0.4, 1.6):
        motion = _uniform(3.4 + error, pre).requires_grad_()
        loss = similarity_loss(pre, post, motion, WINDOW, warp)
        loss.backward()
        losses[error] = float(loss.detach())
        assert motion.grad is not None
        slope = float(motion.grad[:, 0].sum())
        assert error == 0.0 or slope * error > 0.0
    assert losses[0.0] < 0.01
    assert losses[-1.6] > losses[-0.4] > 0.02
    assert losses[1.6] > losses[0.4] > 0.02


def test_similarity_leaves_out_what_left_the_frame() -> None:
    pre = _rf()
    post = _moved(pre, 30.0)  # the last 30 rows of pre have no partner
    assert similarity_loss(pre, post, _uniform(30.0, pre), WINDOW, BandLimitedWarp()) < 0.01
    assert similarity_loss(pre, post, _uniform(300.0, pre), WINDOW, BandLimitedWarp()) == 0.0


def test_a_ramp_is_smooth() -> None:
    z, x = torch.meshgrid(torch.arange(50.0), torch.arange(20.0), indexing="ij")
    ramp = (0.03 * z - 0.5 * x + 7.0)[None, None]
    assert smoothness(ramp, axial=1.0, lateral=1.0) < 1e-5
    # an alternating strain: the difference of |first differences|, as published elsewhere, calls it smooth
    zigzag = (z % 2)[None, None]
    first = zigzag[:, :, 1:] - zigzag[:, :, :-1]
    assert (first.abs()[:, :, 1:] - first.abs()[:, :, :-1]).abs().max() == 0.0
    assert smoothness(zigzag, axial=1.0, lateral=1.0) == pytest.approx(2.0)


def test_smoothness_has_a_weight_per_direction() -> None:
    z, x = torch.meshgrid(torch.arange(50.0), torch.arange(20.0), indexing="ij")
    along, across = 0.5 * z.square()[None, None], 0.5 * x.square()[None, None]
    assert smoothness(along, axial=2.0, lateral=3.0) == pytest.approx(2.0, rel=1e-3)
    assert smoothness(across, axial=2.0, lateral=3.0) == pytest.approx(3.0, rel=1e-3)


def _strain(mean: float, seed: int = 0) -> Tensor:
    """A map with a lesion and texture, (1, 1, 60, 30)."""
    z, x = torch.meshgrid(torch.arange(60.0), torch.arange(30.0), indexing="ij")
    lesion = torch.exp(-((z - 30) ** 2 / 80 + (x - 15) ** 2 / 20))
    texture = torch.randn(60, 30, generator=torch.Generator().manual_seed(seed))
    return mean * (1.0 - 0.6 * lesion + 0.05 * texture)[None, None]


SURE = torch.ones(1, 1, 60, 30)


@pytest.mark.parametrize("factor", [1.0, -1.0, -0.4, 3.0])
def test_press_and_release_are_consistent(factor: float) -> None:
    strain = _strain(-0.01)
    found = consistency(strain, factor * strain, SURE, SURE, None)
    assert found.loss() < 1e-8
    assert found.left_out == 0


def test_another_shape_is_not() -> None:
    other = _strain(-0.01).roll(10, dims=2)
    assert consistency(_strain(-0.01), other, SURE, SURE, None).loss() > 0.01


def test_maps_are_compared_on_the_same_tissue() -> None:
    """A release seen after tissue moved down by 6 samples: consistent with the motion, not without it."""
    strain = _strain(-0.01)
    following = torch.zeros_like(strain)
    following[:, :, 6:] = -0.7 * strain[:, :, :-6]
    following[:, :, :6] = 9.0  # came into the frame; no partner in the first map
    motion = torch.zeros(1, 2, 60, 30)
    motion[:, 0] = 6.0
    assert consistency(strain, following, SURE, SURE, motion).loss() < 1e-8
    assert consistency(strain, following, SURE, SURE, None).loss() > 0.01


def test_uncertain_pixels_do_not_count() -> None:
    strain = _strain(-0.01)
    following = strain.clone()
    following[..., :10, :] = 0.5
    sure = SURE.clone()
    sure[..., :10, :] = 0.0
    assert consistency(strain, following, SURE, sure, None).loss() < 1e-8
    assert consistency(strain, following, SURE, SURE, None).loss() > 0.01
    assert consistency(strain, following, SURE, torch.zeros_like(SURE), None).left_out == 1


def test_still_pairs_are_left_out_and_counted() -> None:
    strain = torch.cat((_strain(-0.01), _strain(0.0005), _strain(0.01)))
    following = torch.cat((_strain(-0.01), _strain(0.01), torch.zeros(1, 1, 60, 30)))
    strain.requires_grad_()
    sure = SURE.expand(3, -1, -1, -1)
    found = consistency(strain, following, sure, sure, None)
    assert found.left_out == 2
    found.loss().backward()
    assert strain.grad is not None
    assert torch.isfinite(strain.grad).all()
    assert torch.equal(strain.grad[1:], torch.zeros_like(strain.grad[1:]))


def test_firm_presses_weigh_more() -> None:
    """A weak pair that disagrees counts by its energy: pooled with a firm one, hardly."""
    firm = consistency(_strain(-0.02), _strain(-0.02), SURE, SURE, None)
    weak = consistency(_strain(-0.002), _strain(-0.002).roll(10, dims=2), SURE, SURE, None)
    assert (firm + weak).loss() == pytest.approx(float(weak.loss()) * 0.01 / 1.01, rel=1e-3)


def test_consistency_cannot_be_bought_by_shrinking() -> None:
    strain, following = _strain(-0.01), _strain(-0.01).roll(10, dims=2)
    size = torch.ones((), requires_grad=True)
    consistency(size * strain, following, SURE, SURE, None).loss().backward()
    assert size.grad is not None
    assert size.grad.abs() < 1e-6


def test_nothing_to_compare_is_no_loss() -> None:
    zero = torch.zeros(())
    assert Consistency(zero, zero, 3).loss() == 0.0


def test_the_sum_prefers_the_truth() -> None:
    """Three presses of growing strain: the true motion scores better than half of it and than none."""
    objective = Objective(window=WINDOW)
    warp = BandLimitedWarp()
    pre = _rf()
    shifts = (0.8, 1.5, 2.0)
    posts = [_moved(pre, shift) for shift in shifts]
    totals = []
    for share in (1.0, 0.5, 0.0):
        motions = [_uniform(share * shift, pre) for shift in shifts]
        strains = [torch.full_like(pre, -0.01 * shift) for shift in shifts]
        terms = unsupervised(pre, posts, motions, strains, objective=objective, warp=warp)
        assert terms.left_out == 0
        assert terms.total == pytest.approx(
            float(terms.similarity + terms.smoothness + objective.consistency * terms.consistency)
        )
        totals.append(float(terms.total))
    assert totals == sorted(totals)
    assert totals[0] < 0.02
