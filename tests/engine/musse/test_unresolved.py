"""Sigma where the published strain leaves, moves or gives back what was measured."""

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.musse import unresolved
from engine.musse.coupling import couple, integrated
from engine.musse.tracking_features import TrackingFeatures
from tests.engine.musse.measured_cells import counted, measured_cells

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, COLS = 150, 32
COHERENCE = 0.999
PRIOR = torch.full((1, ROWS, COLS), 0.01)
STD = 5e-4
SCALE = PRIOR[:, :1, :1]
INNER = (0, slice(20, -20), slice(4, -4))
NOTHING = torch.zeros_like(PRIOR)


def cells(strain: Tensor, seed: int = 3, louder: float = 1.0) -> TrackingFeatures:
    """Cells whose phase is the displacement of `strain` and noise, of the predicted level or `louder`."""
    noise = louder * np.sqrt((1 - COHERENCE**2) / (2 * COHERENCE**2))
    drawn = torch.randn(strain.shape, generator=torch.Generator().manual_seed(seed))
    return measured_cells(integrated(strain), integrated(PRIOR), COHERENCE, noise * drawn)


def error_over_sigma(
    true: Tensor, detail: Tensor = NOTHING, louder: float = 1.0
) -> tuple[float, float, Tensor]:
    """RMS with the variance and without it, and the variance itself."""
    found = couple(counted(cells(true, louder=louder), PRIOR), PRIOR, torch.full_like(PRIOR, STD), SCALE)
    own = (STD * found.std_share) ** 2
    added = unresolved.unresolved(found, PRIOR, detail, SCALE)
    error = found.strain - true
    with_it, without = (float((error / v.sqrt())[INNER].square().mean().sqrt()) for v in (own + added, own))
    return with_it, without, added[INNER]


def test_a_pattern_too_fine_for_the_result_raises_sigma() -> None:
    """Layers of six cells (2 mm at 5 MHz), drawn flat."""
    layers = 0.004 * torch.sin(2 * np.pi * torch.arange(ROWS) / 6.5)[None, :, None].expand_as(PRIOR)
    with_it, without, _ = error_over_sigma(PRIOR + layers)
    assert without > 4.0
    assert 0.5 < with_it < 1.6


@pytest.mark.parametrize("louder", [1.0, 2.0])
def test_noise_does_not(louder: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even twice what phase variance predicts: a ratio's interval was open from a noise level alone."""
    *_, added = error_over_sigma(PRIOR, louder=louder)
    assert float(added.max()) < (0.5 * STD) ** 2
    monkeypatch.setattr(unresolved, "LIMIT", 0.0)  # the control: noise alone has slopes
    *_, without_limit = error_over_sigma(PRIOR, louder=louder)
    assert float(without_limit.mean()) > 3 * float(added.mean())


def test_a_step_raises_sigma_where_the_measurement_moved_the_prior() -> None:
    """Two layers that slip by a tenth of a cell: the step is drawn as strain, over more rows than one."""
    row = torch.arange(ROWS, dtype=torch.float32)[None, :, None].expand_as(PRIOR)
    seen = cells(PRIOR + 0.1 * ((row == 75).float()))
    found = couple(counted(seen, PRIOR), PRIOR, torch.full_like(PRIOR, 4 * STD), SCALE)
    own = 4 * STD * found.std_share
    sigma = (own * own + unresolved.unresolved(found, PRIOR, NOTHING, SCALE)).sqrt()
    error = (found.strain - PRIOR)[:, 70:81, 4:-4]
    assert float((error / own[:, 70:81, 4:-4]).abs().max()) > 4.0  # the control
    assert float((error / sigma[:, 70:81, 4:-4]).abs().max()) < 2.5


def test_detail_that_was_given_back_is_uncertain_by_its_own_size() -> None:
    *_, none = error_over_sigma(PRIOR)
    detail = 0.002 * torch.sin(2 * np.pi * torch.arange(COLS) / 4).expand_as(PRIOR)
    *_, some = error_over_sigma(PRIOR, detail)
    assert float((some - none).mean()) == pytest.approx(unresolved.ACROSS * 0.002**2 / 2, rel=0.15)


def test_structure_adds_at_most_a_share_of_the_strain_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few cells measure, slopes are noise of any size."""
    layers = 0.02 * torch.sin(2 * np.pi * torch.arange(ROWS) / 6.5)[None, :, None].expand_as(PRIOR)
    monkeypatch.setattr(unresolved, "MOVED", 0.0)
    *_, added = error_over_sigma(PRIOR + layers)
    assert float(added.max()) == pytest.approx((unresolved.MOST * 0.01) ** 2)
    monkeypatch.setattr(unresolved, "MOST", 100.0)  # the control
    *_, unlimited = error_over_sigma(PRIOR + layers)
    assert float(unlimited.max()) > 4 * float(added.max())


def test_slopes_noisier_than_the_strain_show_no_structure(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = 0.004 * torch.sin(2 * np.pi * torch.arange(ROWS) / 6.5)[None, :, None].expand_as(PRIOR)
    found = couple(counted(cells(PRIOR + layers), PRIOR), PRIOR, torch.full_like(PRIOR, STD), SCALE)
    monkeypatch.setattr(unresolved, "MOVED", 0.0)
    gentle, firm = (unresolved.unresolved(found, PRIOR, NOTHING, SCALE * of)[INNER] for of in (0.01, 1.0))
    assert float(gentle.max()) == 0.0
    assert float(firm.min()) > 0.0  # the control: of a hundred times the strain they do


def test_nothing_is_added_where_nothing_was_measured() -> None:
    found = couple(counted(cells(PRIOR), PRIOR, NOTHING), PRIOR, torch.full_like(PRIOR, STD), SCALE)
    assert float(unresolved.unresolved(found, PRIOR, NOTHING, SCALE).abs().max()) == 0.0
