"""Temporal consistency: consecutive strain maps of the same tissue have the same shape.

Press and release differ in sign and size, and tissue moves on between two pairs. So maps are compared on the
same tissue, each divided by its own mean.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.network.resample import inside, positions, sample

MIN_MEAN = 1e-3  # strain: what is nearly still has no shape, only noise divided by nearly zero


@dataclass(frozen=True, slots=True, eq=False)
class Consistency:
    """Sums over one or more comparisons of consecutive maps; `+` pools them."""

    total: Tensor
    """(), sum of weight * mean squared difference of the maps divided by their means."""
    weight: Tensor
    """(), sum of weights: each is the smaller mean squared strain of both maps, detached."""
    left_out: int
    """Ignored comparisons: a map's |mean| is below `MIN_MEAN` or nothing is confident."""

    def __add__(self, other: "Consistency") -> "Consistency":
        return Consistency(
            self.total + other.total, self.weight + other.weight, self.left_out + other.left_out
        )

    def loss(self) -> Tensor:
        """(), the weighted mean; 0 where every comparison was left out."""
        return self.total / self.weight.clamp(min=MIN_MEAN**4)


def consistency(
    strain: Tensor, following: Tensor, confidence: Tensor, next_confidence: Tensor, motion: Tensor | None
) -> Consistency:
    """Compare strain maps (b, 1, rows, lines) of two consecutive pairs.

    Confidences are maps of the same shape, 0 ... 1. `motion` (b, 2, rows, lines), samples and lines, leads
    from the grid of `strain` to that of `following`: the first pair's displacement where pairs are
    sequential, None where both lie on one key frame. What moves out of the frame does not count.
    """
    c = confidence.detach()
    if motion is None:
        c = c * next_confidence.detach()
    else:
        rows, lines = positions(motion.detach())
        following = sample(following, rows, lines)
        seen = inside(rows, lines, (strain.shape[-2], strain.shape[-1]))[:, None]
        c = c * sample(next_confidence.detach(), rows, lines) * seen.to(c.dtype)

    total = c.sum(dim=(1, 2, 3)).clamp(min=1e-6)

    def mean(values: Tensor) -> Tensor:
        return (c * values).sum(dim=(1, 2, 3)) / total

    first, second = mean(strain), mean(following)
    kept = (first.detach().abs() >= MIN_MEAN) & (second.detach().abs() >= MIN_MEAN)
    # a divisor of 1 where the pair is left out: 0 times an infinite gradient would be NaN
    first = torch.where(kept, first, torch.ones_like(first))[:, None, None, None]
    second = torch.where(kept, second, torch.ones_like(second))[:, None, None, None]
    difference = mean((strain / first - following / second).square())
    # without it, the noise of a nearly still pair would count as much as a firm press
    weight = torch.minimum(mean(strain.square()), mean(following.square())).detach() * kept
    return Consistency((weight * difference).sum(), weight.sum(), int((~kept).sum()))
