"""Why a bar is missed, one line each, shown beside the miss: to be edited when engines or findings change.

Keys are (method, group, figure); an empty group stands for every group, an empty figure for every one.
"""

from typing import Final

ERASED: Final = (
    "patterns of 2 mm, and of 3 mm across the beam, are erased, and sigma does not know it: why is "
    "open, as the finest windows would show them"
)
UNSURE: Final = (
    "the estimate of least error shrinks contrast by all that it is unsure of, and more would here be made "
    "of noise; the classical windows of least error keep 0.5 to 0.7 at 10 dB and at rho 0.95"
)
FINE: Final = (
    "edges of inclusions are finer than what one pair shows; trained to give back more, the network draws "
    "patterns of 4 mm with 1.35 times their contrast"
)
STEP: Final = "a step is no strain, and what is left of it beside the boundary is more than sigma expects"
EXPLAINED: Final[dict[tuple[str, str, str], str]] = {
    ("reference", "bound", "over_bound"): "neighbouring lines share noise after out-of-plane motion, and the "
    "bound counts them as independent; where electronic noise rules the engine lies below it",
    ("reference", "noise", "mean_preserved"): "the case of 0 dB, where a tenth of the pixels skip a cycle",
    ("reference", "release", "release_press"): "forward and backward motion close within 0.01 samples, which "
    "is the size of the strain's own std at this window; ten fused pairs come to about 2 %",
    (
        "reference",
        "cycles",
        "firm_fused_worst",
    ): "frames 5 to 8, the first press: its pairs share the probe's "
    "drift out of plane, so their errors add up instead of averaging out; the window alone leaves 0.28",
    ("musse", "gratings", "calibration"): ERASED,
    ("musse", "gratings", "coverage"): ERASED,
    ("musse", "gratings", "slope"): ERASED,
    ("musse", "noise", "slope"): UNSURE,
    ("musse", "decorrelation", "slope"): UNSURE,
    ("musse", "small", "slope"): UNSURE,
    **{("musse", group, "slope"): FINE for group in ("large", "frequency", "point-spread", "coherence")},
    (
        "musse",
        "slip",
        "slope",
    ): "a step is no strain: what is left of it beside the boundary is more than the "
    "contrast of the inclusion, and covers it",
    (
        "musse",
        "noise",
        "mean_preserved",
    ): "the case of 0 dB, noise as loud as the echoes, where tracking skips cycles; the classical engine "
    "loses a fifth there",
    ("musse", "small", "slope_kept"): "contrast below the noise is smoothed away",
    ("musse", "slip", "calibration"): STEP,
    ("musse", "slip", "coverage"): STEP,
    ("musse", "cycles", "firm_fused_worst"): "the same first press as the classical engine's",
    (
        "musse",
        "",
        "calibration",
    ): "sigma is too cautious where tissue is uniform: training's tissue seldom is, "
    "and one pair does not tell the two apart",
    ("ncc", "", "calibration"): "a comparator: its std is the bound at the block's correlation, which takes "
    "every match for the right one",
    ("ncc", "", ""): "a comparator that shows what a plain block matcher does: nothing is done about it",
}


def explained(method: str, group: str, figure: str) -> str:
    """The most specific line there is; empty where nobody has written one."""
    engine = method.partition("/")[0]
    keys = ((engine, group, figure), (engine, "", figure), (engine, group, ""), (engine, "", ""))
    return next((EXPLAINED[key] for key in keys if key in EXPLAINED), "")
