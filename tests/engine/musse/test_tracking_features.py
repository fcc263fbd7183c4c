"""A cell's displacement is that of its centre, whichever of its pixels have the loudest echoes."""

import pytest
import torch
from torch import Tensor

from engine.musse.cells import ROWS_PER_CELL, CellMatrices
from engine.musse.tracking_features import TrackingFeatures, tracking_features
from engine.tracking.phase import Track

pytestmark = pytest.mark.usefixtures("one_thread")

LINES, CELLS = 8, 40
SAMPLES = 8.0  # of a cell: two a row
STRAIN, TILT = 0.02, 0.3  # of motion along depth, and samples from line to line


def tracked() -> tuple[Track, Tensor]:
    """A pair that tracking has warped exactly, with speckle for weights; and the motion of every pixel."""
    rows = torch.arange(CELLS * ROWS_PER_CELL, dtype=torch.float32) * SAMPLES / ROWS_PER_CELL
    motion = STRAIN * rows + TILT * torch.arange(LINES)[:, None]
    loud = torch.rand(motion.shape, generator=torch.Generator().manual_seed(1)) ** 4 + 0.01
    nothing, one = torch.zeros_like(motion), torch.ones_like(motion)
    return Track(motion, nothing, loud, nothing, torch.stack((loud, loud)), one), motion


def cells() -> TrackingFeatures:
    track, _ = tracked()
    across = torch.zeros(LINES // 2, LINES)
    for col in range(LINES // 2):
        across[col, 2 * col : 2 * col + 2] = 0.5
    radians = torch.full((CELLS * ROWS_PER_CELL,), 2 * torch.pi / SAMPLES)
    matrices = CellMatrices(across, torch.tensor([SAMPLES]), torch.full((CELLS,), 2 * torch.pi))
    return tracking_features(track, radians, matrices)


def centres(motion: Tensor) -> Tensor:
    """(rows, cols) mean motion of the pixels of each cell, in cells."""
    return motion.reshape(LINES // 2, 2, CELLS, ROWS_PER_CELL).mean(dim=(1, 3)).T / SAMPLES


def test_the_displacement_of_a_cell_is_that_of_its_centre() -> None:
    found, wanted = cells(), centres(tracked()[1])
    measured = found.axial[0] + found.moment[0] / found.weight[0]
    assert float((measured - wanted).abs().max()) < 1e-5


def test_the_mean_of_its_weighted_pixels_is_not() -> None:
    """The control: what lies off the centre is strain and tilt times how far."""
    track, motion = tracked()
    loud = track.in_phase
    shape = (LINES // 2, 2, CELLS, ROWS_PER_CELL)
    weighted = (loud * motion).reshape(shape).sum(dim=(1, 3)) / loud.reshape(shape).sum(dim=(1, 3))
    assert float((weighted.T / SAMPLES - centres(motion)).square().mean().sqrt()) > 5e-3
