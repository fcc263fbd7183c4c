"""Where training withholds the measurement: how often, and the same whenever asked for."""

import torch

from engine.training.data.withheld import BLOCKS, LINES, WHOLE, draw_measured

SHAPE = (16, 128, 32)


def test_the_kinds_come_as_often_as_stated() -> None:
    use = torch.cat([draw_measured(SHAPE, seed=0, step=step) for step in range(40)])
    shares = use.mean(dim=(1, 2))
    none, every = float((shares == 0).float().mean()), float((shares == 1).float().mean())
    assert abs(none - WHOLE) < 0.06
    assert abs(every - (1 - WHOLE - BLOCKS - LINES)) < 0.06
    assert set(use.unique().tolist()) == {0.0, 1.0}
    lines = (use.amax(dim=1) == 0).any(dim=1) & (shares > 0)
    assert 0.03 < float(lines.float().mean()) < LINES


def test_the_step_and_the_seed_alone_decide() -> None:
    first = draw_measured(SHAPE, seed=3, step=5)
    assert torch.equal(first, draw_measured(SHAPE, seed=3, step=5))
    assert not torch.equal(first, draw_measured(SHAPE, seed=3, step=6))
    assert not torch.equal(first, draw_measured(SHAPE, seed=4, step=5))
