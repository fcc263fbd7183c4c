"""A pattern across the lines that the prior has lost is given back from the measurement; noise is not."""

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.musse import lateral_detail
from engine.musse.coupling import integrated
from engine.musse.lateral_detail import LateralDetail
from engine.musse.tracking_features import TrackingFeatures
from tests.engine.musse.measured_cells import counted, measured_cells

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, COLS = 150, 32
COHERENCE = 0.995
PRIOR = torch.full((1, ROWS, COLS), -0.01)
INNER = (0, slice(20, -20), slice(4, -4))


def cells(motion: Tensor, seed: int = 3) -> TrackingFeatures:
    """Cells (1, rows, cols) whose phase is `motion` and the noise that their coherence predicts."""
    noise = np.sqrt((1 - COHERENCE**2) / (2 * COHERENCE**2))
    drawn = torch.randn(motion.shape, generator=torch.Generator().manual_seed(seed))
    return measured_cells(motion, motion.round(decimals=1), COHERENCE, noise * drawn)


def waves() -> Tensor:
    """Strain with a period of five columns (3 mm) across and 100 rows along depth."""
    row, col = torch.arange(ROWS)[:, None], torch.arange(COLS)
    return PRIOR + 0.004 * torch.sin(2 * np.pi * row / 100) * torch.sin(2 * np.pi * col / 5)


def added(strain: Tensor) -> LateralDetail:
    return lateral_detail.lateral_detail(counted(cells(integrated(strain)), PRIOR), PRIOR)


def recovered(strain: Tensor) -> float:
    """Slope of what is added on what the prior lacks."""
    lacks, found = (strain - PRIOR)[INNER], added(strain).strain[INNER]
    return float((lacks * found).sum() / lacks.square().sum())


def test_a_lost_pattern_is_given_back() -> None:
    assert 0.75 < recovered(waves()) < 1.05


def test_it_is_not_where_everything_is_taken_for_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lateral_detail, "LIMIT", 1e6)
    assert recovered(waves()) == 0.0


def test_nothing_is_added_to_a_prior_that_is_right() -> None:
    found = added(PRIOR)
    assert float(found.strain.abs().max()) == 0.0
    assert float(found.variance.max()) == 0.0


def test_noise_would_be_added_without_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(lateral_detail, "LIMIT", 0.0)
    monkeypatch.setattr(lateral_detail, "MISFIT", 0.0)
    assert float(added(PRIOR).strain.square().mean().sqrt()) > 1e-4


def test_a_step_along_depth_is_no_detail_across() -> None:
    step = PRIOR.clone()
    step[:, ROWS // 2] += 0.15
    assert float(added(step).strain.abs().max()) < 1e-4


def test_what_is_added_has_the_stated_variance() -> None:
    found, lacks = added(waves()), (waves() - PRIOR)[INNER]
    error = (found.strain[INNER] - lacks) / found.variance[INNER].clamp(min=1e-12).sqrt()
    valid = found.variance[INNER] > 0
    assert valid.float().mean() > 0.8
    assert 0.3 < float(error[valid].square().mean().sqrt()) < 1.5


def test_nothing_is_added_where_nothing_was_measured() -> None:
    found = lateral_detail.lateral_detail(
        counted(cells(integrated(waves())), PRIOR, torch.zeros_like(PRIOR)), PRIOR
    )
    assert float(found.strain.abs().max()) == 0.0


def kept(prior: Tensor, motion: Tensor) -> Tensor:
    """Whether each cell counts as measured."""
    return counted(cells(motion), prior).precision > 0


def test_a_prior_that_is_wrong_on_one_line_does_not_make_its_measurement_a_skip() -> None:
    """Two cells too much in the rows of a vessel: below it, displacement is measured as well as elsewhere."""
    prior = PRIOR.clone()
    prior[:, 40:60, 15:17] += 0.1
    below = (0, slice(80, 140), slice(15, 17))
    assert kept(prior, integrated(PRIOR))[below].all()
    skipped = integrated(PRIOR)
    skipped[below] += 1.0
    assert not kept(PRIOR, skipped)[below].any()  # the control: a cycle skip still stands out
