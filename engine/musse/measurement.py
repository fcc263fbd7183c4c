"""What the cells of a pair measured of the displacement on their own, and which of them count.

The measurement of the coupling (`engine.musse.coupling`) and of the detail that it gives back
(`engine.musse.lateral_detail`). Figures: docs/decisions/0024-strain-is-coupled-with-displacement.md.
"""

from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from engine.musse.program_io import MIN_COVERAGE
from engine.musse.tracking_features import TrackingFeatures

COHERENCE_WINDOW: Final = (5, 3)  # cells: a single cell's coherence is high by chance in unrelated echoes
MIN_COHERENCE: Final = 0.5
MAX_COHERENCE_SQUARED: Final = 0.9998
OUTLIERS: Final = 10.0  # doubles the variance at a phase deviation of 0.32 rad: large errors have heavy tails
LOCAL_REACH: Final = (20, 4)  # cells either way, for the mean that cycle skips stand out from
MAX_DEVIATION: Final = 0.2  # cells from that mean
TINY: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What the cells of a pair measured on their own, maps (batch, rows, cols)."""

    moved: Tensor
    """Displacement, cells."""
    precision: Tensor
    """1 / v of it, 0 where a cell measured nothing."""
    coverage: Tensor
    """Share that both frames hold, 0-1."""

    def beyond(self, prior: Tensor) -> Tensor:
        """Displacement beyond `prior`, 0 where nothing was measured."""
        return torch.where(self.precision > 0, self.moved - prior, torch.zeros_like(prior))


def measure(cells: TrackingFeatures, measured: Tensor | None = None) -> Measurement:
    """Displacement of every cell, and how precise it is.

    `measured` (batch, rows, cols), 1 or 0, withholds measurements: training does, so that the prior does not
    come to rely on them.

    The phase variance of a cell is (1 - g^2) / (2 g^2) with g the coherence over `COHERENCE_WINDOW`; on
    simulated scenes errors are 0.8 of its root at every coherence from 0.5 to 0.998 (median absolute
    deviation).
    """
    radians = cells.radians.unsqueeze(-1)
    quadrature = cells.moment * radians
    moved = cells.axial + torch.atan(quadrature / cells.weight.clamp(min=TINY)) / radians
    maps = torch.cat((torch.stack((cells.weight, quadrature), dim=1), cells.energy), dim=1)
    rows, cols = COHERENCE_WINDOW
    local = avg_pool2d(maps, COHERENCE_WINDOW, stride=1, padding=(rows // 2, cols // 2))
    in_phase, turned, pre, post = local.unbind(dim=1)
    squared = (in_phase * in_phase + turned * turned) / (pre * post).clamp(min=TINY)
    limited = squared.clamp(max=MAX_COHERENCE_SQUARED)
    certain = 2.0 * limited / (1.0 - limited)  # 1 / phase variance
    precision = radians * radians * certain * certain / (certain + OUTLIERS)
    usable = (squared >= MIN_COHERENCE**2) & (cells.coverage >= MIN_COVERAGE) & (cells.weight > 0)
    precision = torch.where(usable, precision, torch.zeros_like(precision))
    return Measurement(moved, precision if measured is None else precision * measured, cells.coverage)


def without_skips(found: Measurement, prior: Tensor) -> Measurement:
    """`found` with precision 0 in cells whose displacement beyond `prior` (cells) stands out from near ones.

    Such a cell has skipped a cycle. It would stand out as well where the prior adds up to another
    displacement on its line than beside it, as below a vessel. So it counts as standing out only if it does
    both beyond the prior of its own line and beyond the mean of all lines, which holds no such steps.
    """
    weight = found.precision
    along, across = (within(distances(prior, axis), n) for axis, n in zip((-2, -1), LOCAL_REACH, strict=True))
    total = (along @ weight @ across).clamp(min=TINY)
    priors = torch.stack((prior, prior.mean(dim=-1, keepdim=True).expand_as(prior)), dim=1)
    residual = found.moved.unsqueeze(1) - priors
    residual = torch.where((weight > 0).unsqueeze(1), residual, torch.zeros_like(residual))
    near = (along @ (weight.unsqueeze(1) * residual) @ across) / total.unsqueeze(1)
    deviation = (residual - near).abs().amin(dim=1)
    return replace(found, precision=weight * (deviation < MAX_DEVIATION))


def distances(maps: Tensor, axis: int) -> Tensor:
    """(n, n) differences of indices along an axis of `maps`: from its size alone, so static once that is."""
    index = torch.arange(maps.shape[axis], device=maps.device, dtype=maps.dtype)
    return index[:, None] - index


def within(distance: Tensor, reach: int) -> Tensor:
    """1 where a distance of whole numbers is at most `reach`, else 0; faster than a comparison."""
    return (reach + 1 - distance.abs()).clamp(0.0, 1.0)
