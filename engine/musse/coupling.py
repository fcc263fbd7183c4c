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
from torch.nn.functional import avg_pool2d, pad

from engine.musse.program_io import MIN_COVERAGE
from engine.musse.tracking_features import TrackingFeatures

KAPPA: Final = 1.0
STEPS: Final = 9
"""Lines of up to 2^9 cells are solved exactly; in longer ones a measurement reaches 2^9 - 1 cells."""
MAX_PRIOR_STD: Final = 0.3  # of the strain scale, or the pair's typical one: more marks cells without echoes
COHERENCE_WINDOW: Final = (5, 3)  # cells: a single cell's coherence is high by chance in unrelated echoes
MIN_COHERENCE: Final = 0.5
MAX_COHERENCE_SQUARED: Final = 0.9998
OUTLIERS: Final = 30.0  # doubles the variance at a phase deviation of 0.18 rad: large errors have heavy tails
LOCAL_REACH: Final = (20, 4)  # cells either way, for the mean that cycle skips stand out from
MAX_DEVIATION: Final = 0.2  # cells from that mean
LATERAL_STD: Final = 0.05  # cells by which d differs between neighbouring lines
MAX_STIFFNESS: Final = 1e4  # over the precision of d: beyond, float32 sees no difference from the prior
TINY: Final = 1e-12


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


def couple(
    cells: TrackingFeatures,
    strain: Tensor,
    prior_std: Tensor,
    scale: Tensor,
    measured: Tensor | None = None,
) -> Coupled:
    """Couple the prior `strain` with the displacement measured in `cells`; all maps (batch, rows, cols).

    `scale` (batch, 1, 1) is the pair's typical absolute strain. `measured`, 1 or 0, withholds measurements:
    training does, so that the prior does not come to rely on them. Gradients reach strain, displacement and
    `prior_std`, and are finite in float32; `std_share` has none.
    """
    prior = integrated(strain)
    along = within(distances(strain, -2), LOCAL_REACH[0])
    residual, precision = measure(cells, prior, along)
    if measured is not None:
        precision = precision * measured
    level = mean(residual, precision)
    weight, moment = share_across(precision, (residual - level) * precision, along)
    std = torch.minimum(prior_std, torch.maximum(MAX_PRIOR_STD * scale, typical(prior_std, cells.coverage)))
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
    """(batch, 1, 1) harmonic mean over what both frames hold: the few cells without echoes hardly count."""
    std, total = std.detach(), coverage.sum(dim=(-2, -1), keepdim=True)
    return total / (coverage / std).sum(dim=(-2, -1), keepdim=True).clamp(min=TINY)


def measure(cells: TrackingFeatures, prior: Tensor, along: Tensor) -> tuple[Tensor, Tensor]:
    """Displacement beyond `prior` in cells, and its precision 1 / v, 0 where a cell measures nothing.

    The phase variance of a cell is (1 - g^2) / (2 g^2) with g the coherence over `COHERENCE_WINDOW`; on
    simulated scenes errors are 0.8 of its root at every coherence from 0.5 to 0.998 (median absolute
    deviation). `along` (rows, rows) is 1 within `LOCAL_REACH`.

    A cell that stands out from its neighbourhood counts nothing: it has skipped a cycle, or the prior adds up
    to another displacement on this line than beside it, as below a vessel. So it stands out only if it does
    beyond the prior of its own line and beyond that of all lines, which holds no such steps.
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
    weight = torch.where(usable, precision, torch.zeros_like(precision))
    across = within(distances(prior, -1), LOCAL_REACH[1])
    total = (along @ weight @ across).clamp(min=TINY)
    beyond = torch.stack((prior, prior.mean(dim=-1, keepdim=True).expand_as(prior)), dim=1)
    beyond = torch.where(usable.unsqueeze(1), moved.unsqueeze(1) - beyond, torch.zeros_like(beyond))
    near = (along @ (weight.unsqueeze(1) * beyond) @ across) / total.unsqueeze(1)
    deviation = (beyond - near).abs().amin(dim=1)
    return beyond[:, 0], weight * (deviation < MAX_DEVIATION)


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


def distances(maps: Tensor, axis: int) -> Tensor:
    """(n, n) differences of indices along an axis of `maps`: from its size alone, so static once that is."""
    index = torch.arange(maps.shape[axis], device=maps.device, dtype=maps.dtype)
    return index[:, None] - index


def within(distance: Tensor, reach: int) -> Tensor:
    """1 where a distance of whole numbers is at most `reach`, else 0; faster than a comparison."""
    return (reach + 1 - distance.abs()).clamp(0.0, 1.0)
