"""Strain that changes across the lines and that the prior has smoothed away, from the measured displacement.

The network may take a fine pattern across the lines for noise and draw it flat, with a small sigma, and the
coupling, which works along lines, then needs a tenth of the depth to follow the measurement. Along a line a
long window is as sure of its slope as a wide one, and costs nothing across. So a line is fitted to what the
prior leaves of the measured displacement, over `REACH` cells either way on each line alone, and its slope
less the mean of the lines beside it is taken as far as it exceeds noise: with e the mean of slope^2 over its
variance in the neighbourhood, about 1 in noise, the share max(0, 1 - limit / e). Errors that the phase
variance lacks, and steps along depth, which no line describes, leave a misfit; it raises the limit. Figures:
docs/decisions/0040-the-measurement-gives-back-detail-across-the-lines.md.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.musse.coupling import integrated
from engine.musse.measurement import LOCAL_REACH, TINY, Measurement, distances, within

REACH: Final = 13  # cells either way along depth: 4 mm at 5 MHz
BESIDE: Final = 3  # cells either way across, whose mean slope is left to the prior
LIMIT: Final = 2.0  # e at which noise may still be all there is: phase noise is shared by neighbouring cells
MISFIT: Final = 4.0  # e over the misfit, chi square per cell, at which the same holds
MIN_FILLED: Final = 0.6  # of a window's cells must have measured
MIN_SPREAD: Final = 0.5  # of a full window's


@dataclass(frozen=True, slots=True, eq=False)
class LateralDetail:
    """Maps (batch, rows, cols); 0 where nothing exceeds noise."""

    strain: Tensor
    """To be added to the prior."""
    variance: Tensor
    """Of what is added."""


@torch.no_grad()
def lateral_detail(found: Measurement, prior: Tensor) -> LateralDetail:
    """What the measured displacement adds to the prior strain (batch, rows, cols). Measured, not learnt."""
    distance, beside = distances(prior, -2), distances(prior, -1)
    along, across = within(distance, LOCAL_REACH[0]), within(beside, LOCAL_REACH[1])
    residual, weight = found.beyond(integrated(prior)), found.precision
    box = within(distance, REACH)
    first = -distance * box
    moved = weight * residual
    total, centre, count = box @ weight, first @ weight, box @ (weight > 0).to(weight.dtype)
    safe = total.clamp(min=TINY)
    spread = (distance * distance * box) @ weight - centre * centre / safe
    mean = (box @ moved) / safe
    tilt = first @ moved - centre * mean
    full = 2 * REACH + 1
    fitted = (spread > MIN_SPREAD * (full * full - 1) / 12 * total) & (count > MIN_FILLED * full)
    valid = fitted.to(weight.dtype)
    information = spread * valid
    slope = tilt * valid / spread.clamp(min=TINY)
    misfit = (box @ (moved * residual) - mean * mean * total) * valid - slope * tilt
    near = within(beside, BESIDE)
    detail = (slope - ((information * slope) @ near) / (information @ near).clamp(min=TINY)) * valid

    def pooled(values: Tensor) -> Tensor:
        return along @ values @ across

    limit = (MISFIT * pooled(misfit) / pooled(count * valid).clamp(min=1.0)).clamp(min=LIMIT)
    explained = pooled(detail * detail * spread).clamp(min=TINY)
    share = (1.0 - limit * pooled(valid) / explained).clamp(min=0.0) * valid
    return LateralDetail(share * detail, share * limit / spread.clamp(min=TINY))
