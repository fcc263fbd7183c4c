"""The paper's objective: similarity, smoothness and consistency over a sequence of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from engine.network.upsample import BandLimitedWarp
from engine.training.losses.consistency import Consistency, consistency
from engine.training.losses.similarity import similarity_loss
from engine.training.losses.smoothness import smoothness


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Weights and windows. The paper states none; chosen are those of the nearest published relative,
    ReUSENet, whose smoothness weighs 3 to 5 and whose consistency 0.05 to 0.5."""

    window: tuple[int, int] = (160, 8)
    """(samples, lines) of the correlation; the largest it was used with: at 40 MHz 4 mm, some 20 cycles."""
    axial_smoothness: float = 5.0
    lateral_smoothness: float = 5.0
    lateral_component: float = 1.0
    """What a line counts for in smoothness, in samples."""
    consistency: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The terms of one sequence, each () and unweighted, and their weighted sum."""

    similarity: Tensor
    smoothness: Tensor
    consistency: Tensor
    total: Tensor
    left_out: int
    """Comparisons of consecutive strain that were too still."""


def unsupervised(
    pre: Tensor,
    posts: Sequence[Tensor],
    displacements: Sequence[Tensor],
    strains: Sequence[Tensor],
    *,
    objective: Objective,
    warp: BandLimitedWarp,
) -> Terms:
    """The objective of a reference frame `pre` (b, 1, rows, lines) and what was found for T frames after it.

    `posts` and `strains` are T maps (b, 1, rows, lines), `displacements` T of (b, 2, rows, lines), all on the
    grid of `pre`: so strains compare without moving them, and every pixel counts as confident.
    """
    alike = [
        similarity_loss(pre, post, displacement, objective.window, warp)
        for post, displacement in zip(posts, displacements, strict=True)
    ]
    bent = [
        smoothness(d[:, :1], axial=objective.axial_smoothness, lateral=objective.lateral_smoothness)
        + objective.lateral_component
        * smoothness(d[:, 1:], axial=objective.axial_smoothness, lateral=objective.lateral_smoothness)
        for d in displacements
    ]
    zero = torch.zeros((), device=pre.device)
    agreed = Consistency(zero, zero, 0)
    everywhere = torch.ones_like(pre)
    for strain, following in pairwise(strains):
        agreed = agreed + consistency(strain, following, everywhere, everywhere, None)
    similar, smooth, steady = torch.stack(alike).mean(), torch.stack(bent).mean(), agreed.loss()
    total = similar + smooth + objective.consistency * steady
    return Terms(similar, smooth, steady, total, agreed.left_out)
