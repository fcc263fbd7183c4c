"""The comparison of weights on phantoms, with the shipped weights and with damaged ones."""

import math
from copy import deepcopy

import pytest
import torch

from engine.factory import shipped_weights
from engine.musse.checkpoint import load
from tools.evaluate.studies.phantoms import COLUMNS, SEEDS, Figures, figures_of, kind_of, tracked, typical
from tools.evaluate.suite.catalogue import SEED, cases


def test_damaged_weights_are_worse() -> None:
    (case,) = cases("full", ["sphere"], SEEDS[0])[:1]
    net, _ = load(shipped_weights())
    batch = tracked(case)
    good = figures_of(net.eval(), batch)
    damaged = deepcopy(net).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in damaged.parameters():
            weight.mul_(1.0 + 0.3 * torch.randn_like(weight))
    bad = figures_of(damaged, batch)
    assert kind_of(case) == "sphere"
    assert good.nrmse < 0.5
    assert 0.8 < good.recovery < 1.05
    assert bad.nrmse > 1.2 * good.nrmse
    assert bad.displacement > good.displacement


def test_a_pair_without_contrast_counts_where_it_has_a_value() -> None:
    pairs = [
        Figures(0.2, 0.9, 2.0, 1.0, 0.95, 0.1, 0.2),
        Figures(math.nan, math.nan, 8.0, 1.0, 0.85, 0.4, 0.8),
    ]
    means = dict(zip(COLUMNS, typical(pairs), strict=True))
    assert means["NRMSE"] == pytest.approx(0.2)
    assert means["displacement, 1/1000 cell"] == pytest.approx(4.0)
    assert means["inside 95 %"] == pytest.approx(0.9)
    assert all(math.isnan(value) for value in list(typical(pairs[1:]))[:2])


def test_the_suite_has_other_phantoms() -> None:
    assert all(abs(seed - SEED) > 100_000 for seed in SEEDS)
