"""The network's last step: couple its strain with the displacement that tracking measured.

The network's strain s with its standard deviation sigma is a prior on the slope of displacement; the tracked
displacement m of every cell with its phase variance v is a measurement. Along every line the change d of
displacement against the integrated prior p minimises

    sum_c (d_c - (m_c - p_c))^2 / v_c  +  KAPPA sum_c (d_{c+1} - d_c)^2 / sigma^2

a tridiagonal system, solved by parallel cyclic reduction: `STEPS` shifts and products, no loop over rows.
Where a line has no measurement its neighbours' measurements take its place (`share_across`). Published are
strain s + D d and displacement p + B d, with D the central difference and B = [1 2 1] / 4, so that
displacement differs between two rows by the mean of their strain, exactly; without any measurement they are
s and p. Alternatives and figures: docs/decisions/0024-strain-is-coupled-with-displacement.md.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.musse.measurement import LOCAL_REACH, TINY, Measurement, distances, within

KAPPA: Final = 1.0
STEPS: Final = 9
"""Lines of up to 2^9 cells are solved exactly; in longer ones a measurement reaches 2^9 - 1 cells."""
MAX_PRIOR_STD: Final = 0.3  # of the strain scale: a larger sigma marks cells without echoes, not free slopes,
MAX_OVER_TYPICAL: Final = 5.0  # unless the whole pair has it: up to this multiple of the typical one
MIN_OVER_TYPICAL: Final = 0.7  # a smaller one holds whole rows where the network misjudges the tissue
LATERAL_STD: Final = 0.05  # cells by which d differs between neighbouring lines
MAX_STIFFNESS: Final = 1e4  # over the precision of d: beyond, float32 sees no difference from the prior


@dataclass(frozen=True, slots=True, eq=False)
class Coupled:
    """Posterior maps (batch, rows, cols) in units of the cell."""

    strain: Tensor
    axial: Tensor
    std_share: Tensor
    """Standard deviation of strain over the prior's, 0-1."""
    prior_axial: Tensor
    """The prior strain's own displacement: each line shifted to its measurements as a whole."""
    precision: Tensor
    """1 / v of what each cell measured, 0 where it measured nothing."""
    left: Tensor
    """Measured displacement less `axial`; of no meaning where nothing was measured."""


def couple(found: Measurement, strain: Tensor, prior_std: Tensor, scale: Tensor) -> Coupled:
    """Couple the prior `strain` with the measurement; all maps (batch, rows, cols).

    `scale` (batch, 1, 1) is the pair's typical absolute strain. Gradients reach strain, displacement and
    `prior_std`, and are finite in float32; `std_share` has none.
    """
    prior = integrated(strain)
    along = within(distances(strain, -2), LOCAL_REACH[0])
    residual, precision = found.beyond(prior), found.precision
    level = mean(residual, precision)
    weight, moment = share_across(precision, (residual - level) * precision, along)
    common = typical(prior_std, found.coverage)
    most = torch.maximum(MAX_PRIOR_STD * scale, MAX_OVER_TYPICAL * common)
    std = torch.maximum(torch.minimum(prior_std, most), MIN_OVER_TYPICAL * common)
    middle = 0.5 * (std[:, 1:] + std[:, :-1])
    stiffness = KAPPA / (middle * middle)
    change, certain = reduce(stiffness, weight, moment)
    before, after = neighbours(change)
    smooth = 0.25 * (before + 2.0 * change + after)
    line = moment.sum(dim=-2, keepdim=True) / weight.sum(dim=-2, keepdim=True).clamp(min=TINY)
    return Coupled(
        strain=strain + 0.5 * (after - before),
        axial=prior + level + smooth,
        std_share=posterior_share(stiffness.detach(), certain.detach()).sqrt(),
        prior_axial=prior + level + line,
        precision=precision,
        left=residual - level - smooth,
    )


def integrated(strain: Tensor) -> Tensor:
    """Displacement at each cell's centre that `strain` adds up to, 0 at the upper edge of the first cell.

    A product with 1 below the diagonal and 1/2 on it: TensorRT makes a loop over rows of cumsum.
    """
    return (0.5 * distances(strain, -2) + 0.5).clamp(0.0, 1.0) @ strain


def typical(std: Tensor, coverage: Tensor) -> Tensor:
    """(batch, 1, 1) geometric mean over what both frames hold, which a few lines or rows hardly move."""
    total = coverage.sum(dim=(-2, -1), keepdim=True).clamp(min=TINY)
    logarithm = (coverage * std.detach().clamp(min=TINY).log()).sum(dim=(-2, -1), keepdim=True) / total
    return logarithm.exp()


def mean(values: Tensor, weight: Tensor) -> Tensor:
    """(batch, 1, 1) weighted mean, 0 without any weight."""
    total = weight.sum(dim=(-2, -1), keepdim=True).clamp(min=TINY)
    return (values * weight).sum(dim=(-2, -1), keepdim=True) / total


def share_across(weight: Tensor, moment: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and moment with what the other lines add where a line has no measurement of its own.

    d differs from that n lines away by about n `LATERAL_STD`, so what the other line measured within
    `LOCAL_REACH` rows, its noise averaged, counts at most 1 / (n `LATERAL_STD`)^2; likewise the less, the
    more this line has measured itself.
    """
    line = distances(weight, -1)
    squared = line * line
    share = (squared > 0).to(weight.dtype) / squared.clamp(min=1.0)
    near, near_moment = along @ weight, along @ moment
    seen = 1.0 / (1.0 + LATERAL_STD**2 * near)
    return weight + seen * ((near * seen) @ share), moment + seen * ((near_moment * seen) @ share)


def reduce(stiffness: Tensor, weight: Tensor, moment: Tensor) -> tuple[Tensor, Tensor]:
    """Solve every line: d (batch, rows, cols) and its precision, one over its posterior variance.

    Parallel cyclic reduction (Hockney 1965) of the matrix with diagonal weight + upper + lower stiffness.
    Kept are the row sums instead of the diagonal, as in the elimination of Grassmann, Taksar and Heyman
    (1985): everything added is positive, nothing cancels, and float32 is as good on a line without a
    measurement as on others. d is a weighted mean of residuals whatever the stiffness.
    """
    rows = weight.shape[-2]
    lower, upper = pad(stiffness, (0, 0, 1, 0)), pad(stiffness, (0, 0, 0, 1))
    for step in (1 << k for k in range(STEPS)):
        inverse = 1.0 / (lower + upper + weight).clamp(min=TINY)
        maps = torch.stack((lower, weight, moment, upper), dim=1) * inverse.unsqueeze(1)
        above = lower.unsqueeze(1) * pad(maps[:, :3], (0, 0, step, 0))[..., :rows, :]
        below = upper.unsqueeze(1) * pad(maps[:, 1:], (0, 0, 0, step))[..., step:, :]
        weight, moment = weight + above[:, 1] + below[:, 0], moment + above[:, 2] + below[:, 1]
        lower, upper = above[:, 0], below[:, 2]
    return moment / weight.clamp(min=TINY), weight


def posterior_share(stiffness: Tensor, precision: Tensor) -> Tensor:
    """Posterior over prior variance of strain, (batch, rows, cols) in 0-1.

    With X the posterior variance of d in two rows and b the stiffness between them, the covariance of both
    is (sqrt(1 + 4 b^2 X X') - 1) / (2 b), which leaves b (X + X') - 4 b^2 X X' / (1 + sqrt(1 + 4 b^2 X X'))
    of the variance 1 / b of their difference. A cell has the mean of the intervals above and below it.
    """
    x = (stiffness / precision[:, :-1].clamp(min=TINY)).clamp(max=MAX_STIFFNESS)
    y = (stiffness / precision[:, 1:].clamp(min=TINY)).clamp(max=MAX_STIFFNESS)
    product = 4.0 * x * y
    left = (x + y - product / (1.0 + (1.0 + product).sqrt())).clamp(0.0, 1.0)
    return 0.5 * (torch.cat((left[:, :1], left), dim=1) + torch.cat((left, left[:, -1:]), dim=1))


def neighbours(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The rows before and after each row, continued as straight lines at both ends."""
    first, last = 2.0 * maps[:, :1] - maps[:, 1:2], 2.0 * maps[:, -1:] - maps[:, -2:-1]
    return torch.cat((first, maps[:, :-1]), dim=1), torch.cat((maps[:, 1:], last), dim=1)
