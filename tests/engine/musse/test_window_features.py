"""Strain of a window does not depend on which of its cells have the loudest echoes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.musse.tracking_features import TrackingFeatures
from engine.musse.window_features import WINDOWS, slope_of, spread_back, window_features

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS, COLS = 120, 24
STRAIN, TILT = 0.01, 0.3  # cells from column to column, as below a stiff structure at its side
INNER = (0, slice(40, -40), slice(6, -6))
SMALL = range(4)  # windows with nothing of the border in them there


def tilted() -> TrackingFeatures:
    """Tissue under uniform strain that moves differently in every column, tracked exactly; speckle weighs."""
    row, col = torch.arange(ROWS, dtype=torch.float32)[:, None], torch.arange(COLS)
    motion = (STRAIN * row + TILT * col)[None]
    loud = torch.rand(motion.shape, generator=torch.Generator().manual_seed(2)) ** 2 + 0.05
    one = torch.ones_like(motion)
    return TrackingFeatures(
        weight=loud,
        moment=0 * one,
        energy=torch.stack((loud, loud), dim=1),
        coverage=one,
        axial=motion,
        lateral=0 * one,
        radians=torch.full((1, ROWS), 2 * torch.pi),
    )


def error(strain: Tensor) -> float:
    return float((strain[INNER] - STRAIN).square().mean().sqrt())


def test_motion_that_differs_from_line_to_line_is_no_strain() -> None:
    found = window_features(tilted()).strain
    for k in SMALL:
        assert error(found[:, k]) < 0.01 * STRAIN


def test_weighted_by_speckle_it_passes_for_strain() -> None:
    """The control: one fit of the whole displacement."""
    cells = tilted()
    for k in SMALL[1:]:  # the first is one cell wide
        slope = spread_back(slope_of(cells.axial, cells.weight, WINDOWS[k]), WINDOWS[k])
        assert error(slope[:, 0, :ROWS, :COLS]) > 0.2 * STRAIN


def test_motion_does_not_count_where_nothing_correlates() -> None:
    """Half the columns were tracked to somewhere else and do not correlate: strain is that of the others."""
    cells = tilted()
    wild = cells.axial.clone()
    wild[..., 12:] -= 0.2 * torch.arange(ROWS)[None, :, None]
    weight = cells.weight.clone()
    weight[..., 12:] *= 0.01
    found = window_features(replace(cells, axial=wild, weight=weight)).strain[:, 3]
    assert abs(float(found[0, 40:-40, 10].mean()) - STRAIN) < 0.1 * STRAIN
    followed = window_features(replace(cells, axial=wild)).strain[:, 3]  # the control
    assert abs(float(followed[0, 40:-40, 10].mean()) - STRAIN) > STRAIN
