"""Cells as tracking leaves them, of a displacement that is given."""

import numpy as np
import torch
from torch import Tensor

from engine.musse.coupling import integrated
from engine.musse.measurement import Measurement, measure, without_skips
from engine.musse.tracking_features import TrackingFeatures


def measured_cells(
    motion: Tensor, axial: Tensor, coherence: float, noise: Tensor | float = 0.0
) -> TrackingFeatures:
    """Cells moved by `motion` (1, rows, cols), in cells, that were warped by `axial`; `noise` in radians."""
    phase = 2 * np.pi * (motion - axial) + noise
    one = torch.ones_like(motion)
    return TrackingFeatures(
        weight=coherence * phase.cos(),
        moment=coherence * phase.sin() / (2 * np.pi),
        energy=torch.stack((one, one), dim=1),
        coverage=one,
        axial=axial,
        lateral=0 * one,
        radians=torch.full((1, motion.shape[1]), 2 * np.pi),
    )


def counted(cells: TrackingFeatures, prior: Tensor, use: Tensor | None = None) -> Measurement:
    """What `cells` measured, without those that stand out beyond the strain `prior`."""
    return without_skips(measure(cells, use), integrated(prior))
