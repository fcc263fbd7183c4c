import math

import pytest
import torch
from torch import Tensor

from engine.training.losses.supervised import contrast_error, gaussian_likelihood, log_error

SHAPE = (2, 1, 40, 20)
ALL = torch.ones(SHAPE)


def _noise(seed: int = 0) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def test_log_error_of_known_noise() -> None:
    truth = _noise(1)
    scale = torch.tensor([1e-3, 1e-1])[:, None, None, None]
    found = log_error(truth + scale * _noise(), truth, ALL, floor=1e-9)
    mean_error = math.sqrt(2 / math.pi)
    expected = sum(math.log(s * mean_error) + math.log(s) for s in (1e-3, 1e-1)) / 2
    assert found == pytest.approx(expected, abs=0.1)


def test_halving_either_error_is_worth_the_same() -> None:
    truth = torch.zeros(SHAPE)
    scale = torch.tensor([1e-3, 1e-1])[:, None, None, None] * _noise()
    values = []
    for factors in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.5)):
        estimate = scale * torch.tensor(factors)[:, None, None, None]
        values.append(float(log_error(estimate, truth, ALL, floor=1e-9)))
    assert values[0] - values[1] == pytest.approx(math.log(2), abs=1e-4)
    assert values[0] - values[2] == pytest.approx(math.log(2), abs=1e-4)


def test_an_outlier_costs_more_than_its_mean() -> None:
    """Two estimates of equal mean |error|: the one with an outlier is worse."""
    even = torch.full(SHAPE, 0.01)
    outlier = torch.zeros(SHAPE)
    outlier[:, :, 0, 0] = 0.01 * 40 * 20
    zero = torch.zeros(SHAPE)
    assert log_error(outlier, zero, ALL, floor=1e-9) > log_error(even, zero, ALL, floor=1e-9) + 1.0


def test_perfect_and_masked_pairs_stay_finite() -> None:
    estimate = torch.zeros(SHAPE, requires_grad=True)
    mask = ALL.clone()
    mask[1] = 0.0
    loss = log_error(estimate, torch.zeros(SHAPE), mask, floor=1e-4)
    loss.backward()
    value = float(loss.detach())
    assert value == pytest.approx(2 * math.log(1e-4), abs=1e-3)
    assert torch.isfinite(estimate.grad).all()  # type: ignore[arg-type]
    bad = torch.zeros(SHAPE)
    bad[1] = 100.0  # outside the mask
    assert log_error(bad, torch.zeros(SHAPE), mask, floor=1e-4) == pytest.approx(value)
    assert log_error(bad, bad, torch.zeros(SHAPE), floor=1e-4) == 0.0


def test_log_error_gradient() -> None:
    estimate = (_noise() * 0.1).double()[:, :, :4, :5].requires_grad_()
    truth = _noise(3).double()[:, :, :4, :5]
    mask = (truth > -1.0).double()
    assert torch.autograd.gradcheck(lambda e: log_error(e, truth, mask, floor=1e-3), (estimate,))


@pytest.mark.parametrize("sigma", [1e-3, 2.0])
def test_likelihood_is_best_at_the_true_sigma(sigma: float) -> None:
    error = sigma * _noise()
    values = {
        factor: float(gaussian_likelihood(error, torch.full(SHAPE, math.log(factor * sigma)), ALL))
        for factor in (0.8, 1.0, 1.25)
    }
    assert values[1.0] == min(values.values())
    assert values[1.0] == pytest.approx(0.5 + math.log(sigma), abs=0.05)


def test_likelihood_moves_the_std_and_not_the_estimate() -> None:
    error = _noise().requires_grad_()
    log_sigma = torch.zeros(SHAPE, requires_grad=True)
    gaussian_likelihood(3.0 * error, log_sigma, ALL).backward()
    assert error.grad is None
    assert log_sigma.grad is not None
    assert log_sigma.grad.sum() < 0.0  # errors are larger than predicted


def _scene(r_squared: float) -> tuple[Tensor, Tensor, Tensor]:
    """(least-squares estimate, truth, mask): it correlates with the truth by r and has the slope r^2."""
    truth, noise = torch.randn(2, 4, 1, 60, 60, generator=torch.Generator().manual_seed(2))
    seen = truth + (1.0 / r_squared - 1.0) ** 0.5 * noise
    return r_squared * seen, truth, torch.ones_like(truth)


@pytest.mark.parametrize("r_squared", [0.5, 0.84])
def test_contrast_error_of_the_least_squares_estimate(r_squared: float) -> None:
    estimate, truth, mask = _scene(r_squared)
    expected = r_squared**2 * (1.0 - r_squared) ** 2
    assert float(contrast_error(estimate, truth, mask)) == pytest.approx(expected, rel=0.1)
    assert float(contrast_error(estimate / r_squared, truth, mask)) < 0.02 * expected
    assert float(contrast_error(estimate + 3.0, truth, mask)) == pytest.approx(expected, rel=0.1)  # no offset


def test_contrast_error_leaves_alone_what_is_not_seen() -> None:
    estimate, truth, mask = _scene(0.84)
    noise = torch.randn(estimate.shape, generator=torch.Generator().manual_seed(5))
    assert float(contrast_error(noise, truth, mask)) < 1e-3
    assert float(contrast_error(-estimate, truth, mask)) == 0.0
    assert float(contrast_error(estimate, 0.0 * truth, mask)) == 0.0
    assert float(contrast_error(torch.zeros_like(truth), truth, mask)) == 0.0
    masked = torch.zeros_like(mask)
    assert float(contrast_error(estimate, truth, masked)) == 0.0


def test_contrast_error_of_one_pair_that_overshoots_is_bounded() -> None:
    estimate, truth, mask = _scene(0.84)
    error = float(contrast_error(100.0 * estimate, truth, mask))
    assert error == pytest.approx(0.84**2, rel=0.1)  # r^4 times MAX_MISSING squared


def test_contrast_error_asks_for_more_contrast() -> None:
    estimate, truth, mask = _scene(0.84)
    gain = torch.ones(1, requires_grad=True)
    contrast_error(gain * estimate, truth, mask).backward()
    assert gain.grad is not None
    assert float(gain.grad) < 0.0
