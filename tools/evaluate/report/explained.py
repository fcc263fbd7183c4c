"""Why a bar is missed, one line each, shown beside the miss: to be edited when engines or findings change.

Keys are (contender, group, figure); an empty group stands for every group, an empty figure for every one.
"""

from typing import Final

EXPLAINED: Final[dict[tuple[str, str, str], str]] = {
    (
        "reference",
        "",
        "calibration",
    ): "clean pairs: nearly all of the error is the strain window's bias at edges "
    "(compare truth, fitted), and the std knows only the curvature that the window has left",
    ("reference", "", "coverage"): "the same bias: few pixels, all of them around edges",
    (
        "reference",
        "bound",
        "over_bound",
    ): "neighbouring lines share noise after out-of-plane motion; the bound counts them as independent",
    ("reference", "clutter", "calibration"): "standing clutter pulls strain to zero and correlates well: no "
    "estimator sees that from the correlation",
    (
        "reference",
        "slip",
        "calibration",
    ): "a step is no strain: within a window of the boundary the fit has a bias that the std does not know",
    ("reference", "release", "release_press"): "not explained yet",
    ("reference", "small", "slope_kept"): "not explained yet; at 0.05 % noise exceeds the contrast",
    (
        "reference",
        "cycles",
        "firm_fused_worst",
    ): "the first press: few pairs in memory, and the fused std is "
    "too small by half where the probe drifts out of plane",
    ("ncc", "", "calibration"): "a comparator: its std is the bound at the block's correlation, which takes "
    "every match for the right one",
    ("ncc", "", ""): "a comparator that shows what a plain block matcher does: nothing is done about it",
}


def explained(contender: str, group: str, figure: str) -> str:
    """The most specific line there is; empty where nobody has written one."""
    engine = contender.partition("/")[0]
    keys = ((engine, group, figure), (engine, "", figure), (engine, group, ""), (engine, "", ""))
    return next((EXPLAINED[key] for key in keys if key in EXPLAINED), "")
