"""The likelihood of accumulated errors: which sigma it asks for."""

import math

import pytest
import torch
from torch import Tensor

from engine.musse.residual import Prior
from engine.training.losses.accumulated import LENGTHS, accumulated_likelihood, sums

SHAPE = (2, 256, 24)
ALL = torch.ones(SHAPE)
TRUE = 0.02


def noise(seed: int = 0) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def prior(precision: float, std: float = TRUE) -> Prior:
    return Prior(strain=0 * ALL, strain_std=std * ALL, axial=0 * ALL, precision=precision * ALL)


def alike(cells: int) -> Tensor:
    """Errors of deviation `TRUE` that are equal over `cells` rows."""
    return TRUE * noise()[:, ::cells][:, : SHAPE[1] // cells].repeat_interleave(cells, dim=1)


def asked(error: Tensor, precision: float) -> float:
    """The sigma of greatest likelihood, over `TRUE`."""
    claimed = prior(precision)
    terms = list(sums(error, TRUE * ALL, claimed, ALL))
    found = math.sqrt(
        sum(float((w * e / v).sum()) for e, v, w in terms) / sum(float(w.sum()) for _, _, w in terms)
    )
    best, *others = (
        float(accumulated_likelihood(error, f * found * TRUE * ALL, claimed, ALL)) for f in (1.0, 0.9, 1.1)
    )
    assert best < min(others)
    return found


@pytest.mark.parametrize("precision", [0.0, 10.0, 1e4])
def test_independent_errors_ask_for_their_own_deviation(precision: float) -> None:
    assert asked(TRUE * noise(), precision) == pytest.approx(1.0, abs=0.08)


def test_errors_that_are_alike_ask_for_more_the_longer_they_add_up() -> None:
    """Over n cells that are alike in groups of 8 the sum grows as n up to 8, then as its root."""
    certain = 2.0 / (2 * TRUE**2)  # the prior is as uncertain after 2 cells
    assert asked(alike(8), certain) == pytest.approx(math.sqrt(2 * 15 / 16), rel=0.1)
    assert asked(alike(8), 0.0) == pytest.approx(math.sqrt(8), rel=0.15)


def test_each_cell_counts_at_the_length_that_decides() -> None:
    for length in LENGTHS:
        decided = 2.0 / (length * TRUE**2)
        weights = [float(weight.mean()) for _, _, weight in sums(noise(), TRUE * ALL, prior(decided), ALL)]
        assert weights[LENGTHS.index(length)] == pytest.approx(1.0, abs=1e-3)
        assert sum(weights) == pytest.approx(1.0, abs=2e-3)


def test_sums_across_the_edge_of_the_mask_do_not_count() -> None:
    mask = ALL.clone()
    mask[:, 128:] = 0.0
    wrong = noise()
    wrong[:, 128:] = 1e6
    inside = accumulated_likelihood(TRUE * noise() * mask, TRUE * ALL, prior(10.0), mask)
    assert accumulated_likelihood(TRUE * wrong, TRUE * ALL, prior(10.0), mask) == pytest.approx(float(inside))
    assert accumulated_likelihood(noise(), TRUE * ALL, prior(10.0), 0 * mask) == 0.0
