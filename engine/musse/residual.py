"""The residual second stage of the live network: weights of the windows, and a correction.

    strain = sum of softmax(gate) * window strains + residual,   then coupled with the measured displacement

The trunk (a small USSE-Net) sees pre, warped post and the evidence of all windows. Its strain is a prior:
first moved to the measured strain on the scale of a large window (`_missing`: the shipped weights were
trained with it, and without it the coupled error is a tenth larger), given the detail across the lines that
it has lost (`engine.musse.lateral_detail`), then coupled with the displacement of every cell
(`engine.musse.coupling`). A network may sharpen an image and lower its noise, it may not change
how far tissue has moved.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.musse.coupling import couple, integrated
from engine.musse.lateral_detail import lateral_detail
from engine.musse.measurement import measure, without_skips
from engine.musse.tracking_features import TrackingFeatures
from engine.musse.unresolved import unresolved
from engine.musse.window_features import (
    FLOOR,
    MAX_STRAIN,
    TINY,
    WINDOWS,
    WindowFeatures,
    slope_of,
    spread_back,
    strain_scale,
    window_features,
)

ANCHOR = 4  # the window over which strain must add up to the displacement
TRUSTED = 0.25  # of the strain scale: less certain anchors are ignored
MID_CHANNELS = 3 * len(WINDOWS) + 1
SIDE_CHANNELS = 2
OUT_CHANNELS = len(WINDOWS) + 3
"""A gate for each window, the residual, the logarithms of what scales sigma as published and the prior's."""
WIDEST = 3.0  # logarithm of the most that sigma is scaled by, either way


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """The network's answer before it is coupled, which is what training compares with the truth."""

    strain: Tensor
    strain_std: Tensor
    """Of independent errors that add up along a line as the prior's do."""
    axial: Tensor
    """Displacement, cells; its slope is `strain` exactly."""
    precision: Tensor
    """One over the variance of the displacement that each cell measured, 1 / cells^2; 0 where it did not."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveEstimate:
    """Output of the live network, maps (batch, rows, cols) in units of the cell."""

    strain: Tensor
    strain_std: Tensor
    axial: Tensor
    """Displacement, cells; its slope is `strain` exactly."""
    gates: Tensor
    """(batch, windows, rows, cols), adding up to 1."""
    coherence: Tensor
    """Local correlation of pre and warped post."""
    prior: Prior


def trunk_inputs(
    cells: TrackingFeatures, found: WindowFeatures, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(pre, post, mid) for the trunk: (batch, 2, rows, cols) twice, and (batch, MID_CHANNELS, rows, cols)."""
    coverage = cells.coverage.unsqueeze(1)
    sides = []
    for side in range(2):
        envelope = 0.2 * (cells.energy[:, side : side + 1] + 1e-3).log()
        sides.append(torch.cat((envelope * coverage, coverage), dim=1))
    per_scale = scale.unsqueeze(1)
    mid = torch.cat(
        (
            arsinh(found.strain / per_scale),
            0.3 * (found.strain_std / per_scale + 1e-3).log(),
            found.coherence,
            0.1 * (scale.unsqueeze(1) / FLOOR).log().expand_as(coverage),
        ),
        dim=1,
    )
    return sides[0], sides[1], mid * coverage


def combine(
    cells: TrackingFeatures,
    found: WindowFeatures,
    scale: Tensor,
    answer: Tensor,
    measured: Tensor | None = None,
) -> LiveEstimate:
    """Strain, its standard deviation and displacement from the trunk's answer (batch, OUT_CHANNELS, ...).

    Answers of earlier weights, without a sigma of the prior's own, have one channel less: the published one
    serves as both. `measured`: see `engine.musse.measurement.measure`.
    """
    count = len(WINDOWS)
    gates = shares(answer[:, :count])
    residual, log_std, log_prior_std = answer[:, count], answer[:, count + 1], answer[:, -1]
    drawn = (gates * found.strain).sum(dim=1) + residual * scale
    closed = (gates * found.strain_std * found.strain_std).sum(dim=1).sqrt() + 0.02 * scale
    std, prior_std = (closed * (WIDEST * torch.tanh(x / WIDEST)).exp() for x in (log_std, log_prior_std))
    anchored = drawn + _missing(found, scale, drawn)
    displacement = without_skips(measure(cells, measured), integrated(anchored))
    detail = lateral_detail(displacement, anchored)
    strain = anchored + detail.strain
    std, prior_std = ((x * x + detail.variance).sqrt() for x in (std, prior_std))
    coupled = couple(displacement, strain, prior_std, scale)
    left_std = std * coupled.std_share
    return LiveEstimate(
        strain=coupled.strain,
        strain_std=(left_std * left_std + unresolved(coupled, strain, detail.strain, scale)).sqrt(),
        axial=coupled.axial,
        gates=gates,
        coherence=found.coherence[:, 1],
        prior=Prior(strain, prior_std, coupled.prior_axial, coupled.precision),
    )


def arsinh(x: Tensor) -> Tensor:
    """Inverse hyperbolic sine, as runtimes compute it fast: they have vectors for logarithms, not for it."""
    size = x.abs()
    # not times sign(x), which is as slow as the logarithm
    return x * ((size + (size * size + 1.0).sqrt()).log() / size.clamp(min=TINY))


def shares(logits: Tensor) -> Tensor:
    """Softmax over channels; over any axis but the last, ONNX Runtime transposes there and back."""
    raised = (logits - logits.amax(dim=1, keepdim=True)).exp()
    return raised / raised.sum(dim=1, keepdim=True)


def _missing(found: WindowFeatures, scale: Tensor, drawn: Tensor) -> Tensor:
    """Slope of what `drawn` strain leaves of the measured displacement, fitted over the anchor window."""
    window = WINDOWS[ANCHOR]
    rows, cols = drawn.shape[-2:]
    mean = spread_back(slope_of(integrated(drawn), found.certain, window), window)[:, 0, :rows, :cols]
    slope = found.strain[:, ANCHOR] - mean
    doubt = found.strain_std[:, ANCHOR] / (TRUSTED * scale)
    return slope.clamp(-MAX_STRAIN, MAX_STRAIN) / (1.0 + doubt * doubt)


def fit_windows(cells: TrackingFeatures) -> tuple[WindowFeatures, Tensor]:
    """WindowFeatures of all windows and the pair's strain scale; maps of `cells` are (batch, rows, cols)."""
    found = window_features(cells)
    return found, strain_scale(found, cells.coverage)
