"""The standard deviation of a region's mean in an image of relative strain.

An image's own deviations s hold on average over all tissue. Inside an even region they are two to three times
too large, because most of them stands for edges and details; where noise hides the tissue, errors are not
local: the contrast of the whole region is missing. So the variance of a mean has two parts:

    var = q s^2 / N + min(1, s^2 / C^2)^4 s^2        q = min(1, (N spread^2 + P s^2) / ((N - 1 + P) s^2))

with s^2 / N that of errors which are alike over the engine's correlation lengths: as if the region held N
independent cells. The first part is limited to what the region itself shows: errors that differ inside it
scatter its values, on average by s^2 (N - 1) / N; s counts as much as P cells of it. The second part is
common to the region, and grows as s approaches C, a contrast that tissue usually has.

C, the power and P of the reference engine were fitted on 70 simulated phantoms outside
`tools.evaluate.studies.ratio`, 14 of them with in-band noise of 0 to 15 dB, 0.3 to 1 mm of drift out of plane
and presses of at most 1 %. RMS of (ln ratio - ln truth) / deviation there, clear and noisy: reference 1.07
and 1.07, the network 0.64 and 0.96; from s and the lengths alone 0.67 and 1.55, 0.41 and 3.49. Without P,
that is by the scatter alone, 1.3 and 0.9 in clear images, and 6 and 18 in noisy ones without the second part:
a map that noise has flattened scatters little. The network's s is the more cautious in even tissue, so its P
is smaller: on 20 other phantoms with 15 to 30 dB and 12 with 0 to 15 dB 0.83 and 0.56 (P = 2: 0.66 and 0.56).
"""

import math
from dataclasses import replace
from typing import Final

from engine.factory import MUSSE, ON_CARD
from engine.metrics.region import RegionMean

PREDICTED: Final = 2.0
"""P, cells."""
PREDICTED_BY_NETWORK: Final = 0.25
CONTRAST: Final = 0.22
"""C, relative strain."""


def limited(mean: RegionMean, engine: str) -> tuple[RegionMean, float]:
    """The mean with the deviation described above, and q, the share that is left of its local part."""
    predicted = PREDICTED_BY_NETWORK if engine in (*MUSSE, *ON_CARD) else PREDICTED
    s2 = mean.pixel_std**2
    if not (s2 > 0 and mean.std > 0):  # no value, or a map without errors
        return mean, 1.0
    cells = max(s2 / mean.std**2, 1.0)
    shown = (cells * mean.spread**2 + predicted * s2) / (cells - 1.0 + predicted)
    local = min(1.0, shown / s2)
    common = min(1.0, s2 / CONTRAST**2) ** 4
    return replace(mean, std=math.sqrt(min(local / cells + common, 1.0) * s2)), local
