"""Unsupervised loss of the live network: similarity, smoothness and temporal consistency.

The same three terms as in `losses.paper`, on cells. Post is not warped again: the network moves it
by hundredths of a cycle beyond where phase tracking left it, and such a move turns the phase of the product
pre * conj(post) and hardly touches its magnitude (a pulse is a cycle or more long). So the product after the
move is that of the cell, turned.

Nothing here teaches the uncertainty: without truth its error is unknown. The part of the answer that scales
sigma gets no gradient, and a network trained by these terms alone keeps sigma's closed form.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from engine.musse.net import LiveNet
from engine.musse.program_io import MIN_COVERAGE
from engine.musse.residual import Prior
from engine.musse.tracking_features import TrackingFeatures
from engine.training.data.batches import Batch
from engine.training.losses.consistency import Consistency, consistency
from engine.training.losses.live_supervised import MIN_STRAIN
from engine.training.losses.smoothness import smoothness

WINDOW = (8, 3)  # cells, 1.2 x 1.8 mm at 5 MHz: enough of them to average speckle, few enough to be local
FAINT = 1e-6  # of the normalised energy: windows below are not significant
MIN_MISMATCH = 1e-3  # 1 - correlation that strain of a percent leaves anyhow: the pulse does not stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupervisedWeights:
    """Weights of the terms relative to similarity. The defaults are a choice, not the outcome of a search;
    recipes state the reasons for theirs."""

    axial_smoothness: float = 1.0
    lateral_smoothness: float = 1.0
    consistency: float = 0.1


def turned(cells: TrackingFeatures, axial: Tensor) -> Tensor:
    """Real part of pre * conj(post), post displaced by `axial` cells: maps (batch, rows, cols)."""
    angle = cells.radians.unsqueeze(-1) * (axial - cells.axial)
    quadrature = cells.moment * cells.radians.unsqueeze(-1)
    return cells.weight * angle.cos() + quadrature * angle.sin()


def mismatch(cells: TrackingFeatures, axial: Tensor) -> tuple[Tensor, Tensor]:
    """(1 - correlation, whether it is significant) of every `WINDOW` inside the maps, with post at
    `axial`."""

    def local(maps: Tensor) -> Tensor:
        return avg_pool2d(maps, WINDOW, stride=1)

    both = local(cells.energy[:, 0]) * local(cells.energy[:, 1])
    correlation = local(turned(cells, axial)) / (both + FAINT**2).sqrt()
    return 1.0 - correlation, (local(cells.coverage) > MIN_COVERAGE) & (both > FAINT**2)


def similarity(cells: TrackingFeatures, axial: Tensor) -> Tensor:
    """(), mean of log(1 - correlation) over windows.

    The logarithm, because that is the likelihood of a displacement under Gaussian noise of unknown power: a
    radian of phase is weighted by the noise at its window.
    """
    wrong, significant = mismatch(cells, axial)
    logarithms = (wrong.clamp(min=0.0) + MIN_MISMATCH).log() * significant
    return logarithms.sum() / significant.sum().clamp(min=1)


def unsupervised(
    net: LiveNet, batches: list[Batch], weights: UnsupervisedWeights, teacher: LiveNet | None = None
) -> tuple[dict[str, Tensor], int]:
    """Terms of the loss over consecutive pairs, () each: "similarity", "smoothness", "consistency".

    And the number of comparisons left out of consistency for lack of motion.

    Truth in `batches` is not looked at. Consistency needs two pairs or more. With a `teacher`, a network that
    was trained with truth, the term "sigma" keeps sigma close to the teacher's: features change, and no other
    term here would notice that sigma changes with them.
    """
    alike, bent, seen, moved = [], [], [], []
    for batch in batches:
        found = net(batch.cells)
        prior = found.prior
        if teacher is not None:
            with torch.no_grad():
                taught = teacher(batch.cells)
            for std, wanted in (
                (found.strain_std, taught.strain_std),
                (prior.strain_std, taught.prior.strain_std),
            ):
                moved.append(0.5 * (std / wanted).log().square().mean())
        typical = prior.strain.detach().abs().mean(dim=(-2, -1), keepdim=True) + MIN_STRAIN
        alike.append(similarity(batch.cells, prior.axial))
        bent.append(
            smoothness(
                (prior.axial / typical).unsqueeze(1),
                axial=weights.axial_smoothness,
                lateral=weights.lateral_smoothness,
            )
        )
        seen.append((prior, _confidence(prior, batch.cells, typical)))
    terms = {"similarity": torch.stack(alike).mean(), "smoothness": torch.stack(bent).mean()}
    agreed = _agreed(seen)
    if len(batches) > 1:
        terms["consistency"] = weights.consistency * agreed.loss()
    if moved:
        terms["sigma"] = torch.stack(moved).sum() / len(batches)
    return terms, agreed.left_out


def _confidence(prior: Prior, cells: TrackingFeatures, typical: Tensor) -> Tensor:
    """0-1: 1 / (1 + (sigma / typical strain)^2), nothing where a frame holds no samples."""
    return cells.coverage / (1.0 + (prior.strain_std.detach() / typical).square())


def _agreed(seen: list[tuple[Prior, Tensor]]) -> Consistency:
    """Consecutive strain maps on the same tissue. Lateral motion, a tenth of a cell, is not followed."""
    zero = torch.zeros((), device=seen[0][1].device)
    agreed = Consistency(zero, zero, 0)
    for (now, sure), (then, then_sure) in pairwise(seen):
        motion = torch.stack((now.axial, torch.zeros_like(now.axial)), dim=1)
        before, after, sure_before, sure_after = (
            values.unsqueeze(1) for values in (now.strain, then.strain, sure, then_sure)
        )
        agreed = agreed + consistency(before, after, sure_before, sure_after, motion)
    return agreed
