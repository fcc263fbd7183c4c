"""What the published strain leaves of the measurement, as a variance that its sigma lacks.

Three things that no sigma learnt from smooth tissue states:

- where the measurement has moved the prior, one of both is wrong by as much: `MOVED` of the change counts;
- structure along depth that is too fine for the result, yet measured: slopes of the displacement that the
  result leaves do not fall with the number of columns averaged, as those of noise do; where noise is larger
  than the strain, too few cells are left for the difference to mean anything;
- detail across the lines that was given back (`engine.musse.lateral_detail`): the beam has averaged part of
  it away, and how large that part is cannot be seen.

The last two are mean squares over a neighbourhood: a pattern is uncertain where it crosses zero, too.
Figures: docs/decisions/0041-sigma-counts-what-the-measurement-contradicts.md.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.musse.coupling import Coupled
from engine.musse.measurement import TINY, distances, within

MOVED: Final = 0.5
SPAN: Final = 2  # rows either way over which a slope is taken: of a pattern of 6 cells half is left
WIDE: Final = 6  # columns either way that are averaged, weighted by a triangle
NARROW: Final = 1  # the same for the noise: a quarter of a structure's share in it
FLOOR: Final = 2e-5  # cells^2, of a measured displacement: speckle does not stretch, whatever its coherence
LIMIT: Final = 1.5  # times chi square of the narrow average: neighbouring columns share some noise
FINE: Final = 6.0  # of the excess, 0.6 of the square of slopes that hold half of a structure
MOST: Final = 0.25  # of the strain scale: more is what few cells measured of noise
ACROSS: Final = 2.0  # of the detail given back across the lines: about what patterns of 2 mm have lost
REACH: Final = (30, 8)  # cells either way: the neighbourhood


@torch.no_grad()
def unresolved(coupled: Coupled, prior: Tensor, detail: Tensor, scale: Tensor) -> Tensor:
    """Variance (batch, rows, cols) to be added to that of the published strain.

    `prior` is the strain that was coupled, `detail` the part of it from `engine.musse.lateral_detail`;
    `scale` (batch, 1, 1) is the pair's typical absolute strain.
    """
    change = MOVED * (coupled.strain - prior)
    distance, beside = distances(prior, -2), distances(prior, -1)
    precision = coupled.precision / (1.0 + FLOOR * coupled.precision)
    (wide, weight), (narrow, _) = (
        slopes(coupled.left, precision, (1.0 - beside.abs() / (n + 1)).clamp(min=0.0)) for n in (WIDE, NARROW)
    )
    excess = wide - LIMIT * narrow
    excess = pad(torch.stack((excess, weight), dim=1), (0, 0, SPAN, SPAN))
    along, across = within(distance, REACH[0]), within(beside, REACH[1])
    maps = torch.cat((excess, (detail * detail).unsqueeze(1)), dim=1)
    found, weighed, lost = (along @ maps @ across).unbind(dim=1)
    cells = along.sum(dim=-1, keepdim=True) * across.sum(dim=-2, keepdim=True)
    most = MOST * scale
    noise = cells / weighed.clamp(min=TINY)
    seen = (1.0 - noise / (scale * scale)).clamp(min=0.0)
    fine = FINE * seen * found.clamp(min=0.0) / weighed.clamp(min=TINY)
    return change * change + torch.minimum(fine, most * most) + ACROSS * lost / cells


def slopes(left: Tensor, precision: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """Squared slopes of `left`, averaged over columns by `near`, over the noise that precision predicts.

    (batch, rows - 2 `SPAN`, cols): about 1 in noise of that level, 0 where a row measured nothing; and one
    over the predicted noise.
    """
    total = precision @ near
    safe = total.clamp(min=TINY)
    mean = (precision * left) @ near / safe
    noise = precision @ (near * near) / (safe * safe)
    measured = (total > 0).to(total.dtype)
    above, below = slice(None, -2 * SPAN), slice(2 * SPAN, None)
    slope = (mean[:, below] - mean[:, above]) / (2 * SPAN)
    noise = (noise[:, below] + noise[:, above]) / (2 * SPAN) ** 2
    weight = measured[:, below] * measured[:, above] / noise.clamp(min=TINY)
    return slope * slope * weight, weight
