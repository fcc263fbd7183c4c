"""The acceptance criteria of the project; the report lists the missed ones before anything else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tools.evaluate.methods import COMPARATOR
from tools.evaluate.records import Record
from tools.evaluate.summary import Row, transfer_figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A limit on one figure of one group."""

    group: str
    figure: str
    title: str
    least: float = -np.inf
    most: float = np.inf
    method: str | None = None
    """The only method that it applies to; None: every method."""
    rival: str | None = None
    """Method whose own figure is the upper limit; in a run without it this criterion does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionResult:
    """A criterion and the value that a method reaches."""

    criterion: Criterion
    method: str
    value: float

    @property
    def limits(self) -> str:
        """The criterion in words."""
        low, high = self.criterion.least, self.criterion.most
        if np.isinf(low):
            return f"at most {high:g}"
        return f"at least {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"

    @property
    def met(self) -> bool:
        """False also where there is no value."""
        return bool(self.criterion.least <= self.value <= self.criterion.most)


CALIBRATED: Final = (
    "strain-filter",
    "bound",
    "noise",
    "decorrelation",
    "large",
    "frequency",
    "point-spread",
    "clutter",
    "sphere",
    "slip",
    "still",
    "small",
    "release",
    "gratings",
    "coherence",
    "hallucination",
)

CONTRASTING: Final = tuple(
    g for g in CALIBRATED if g not in ("strain-filter", "bound", "still", "hallucination")
)
"""Groups whose every pair has contrast to keep."""

CRITERIA: Final[tuple[Criterion, ...]] = (
    *(
        Criterion(group=g, figure="calibration", least=0.8, most=1.25, title="RMS of error / std")
        for g in CALIBRATED
    ),
    *(
        Criterion(group=g, figure="coverage", least=0.9, title="share inside the 95 % interval")
        for g in CALIBRATED
    ),
    Criterion(group="bound", figure="over_bound", most=1.1, title="strain noise over the bound, median"),
    Criterion(group="large", figure="cycle_skips", most=0.001, title="cycle skips, worst case"),
    # against fitted truth: the window itself keeps only 0.85 of the contrast of these inclusions
    Criterion(
        group="small",
        figure="recovery_over_fitted",
        least=0.9,
        most=1.1,
        title="contrast recovery / fitted truth's, 0.05-0.1 %",
    ),
    *(
        Criterion(
            group=g, figure="mean_preserved", least=0.98, most=1.02, title="mean strain kept, worst case"
        )
        for g in ("noise", "decorrelation", "sphere", "release")
    ),
    Criterion(
        group="release", figure="release_press", most=0.02, title="release minus press, relative strain RMS"
    ),
    # closure alone proves little (shared noise cancels); above sigma, sigma leaves errors out
    Criterion(
        group="closure", figure="closure", most=1.2, title="three-frame closure / predicted sigma, RMS"
    ),
    Criterion(
        group="cycles",
        figure="firm_fused_worst",
        most=0.4,
        title="fused NRMSE at every frame after the fifth",
    ),
    Criterion(group="cut", figure="response", most=0.3, title="s until 90 % of the new image"),
    # for the network only: a classical window of this size cannot keep as much contrast
    *(
        Criterion(
            group=g,
            figure="contrast_recovery",
            least=0.9,
            most=1.05,
            method="musse",
            title="contrast recovery",
        )
        for g in CONTRASTING
    ),
    *(
        Criterion(
            group="gratings",
            figure=transfer_figure("axial", period),
            least=least,
            method="musse",
            title=f"contrast recovery at {period:g} mm along the beam",
        )
        for period, least in ((6.0, 0.8), (4.0, 0.5))
    ),
    Criterion(
        group="hallucination",
        figure="blobs_per_100_cm2",
        method="musse",
        rival="reference",
        title="blobs per 100 cm², against the reference's",
    ),
)


def check_criteria(rows: Sequence[Row], method: Callable[[str], bool]) -> list[CriterionResult]:
    """Results of every criterion whose group was run, for the methods that `method` accepts.

    Missed ones come first, those of the comparator last.
    """
    applicable = [applied for criterion in CRITERIA if (applied := _applied(criterion, rows))]
    found = [
        CriterionResult(
            criterion=criterion, method=row.method, value=row.figures.get(criterion.figure, float("nan"))
        )
        for row in rows
        if method(row.method)
        for criterion in applicable
        if criterion.group == row.group and criterion.method in (None, row.method)
    ]
    return sorted(found, key=lambda result: (result.met, result.method.partition("/")[0] == COMPARATOR))


def _applied(criterion: Criterion, rows: Sequence[Row]) -> Criterion | None:
    """The criterion with its rival's figure as the limit; None if the rival was not run."""
    if criterion.rival is None:
        return criterion
    place = (criterion.group, criterion.rival)
    limits = [
        r.figures[criterion.figure]
        for r in rows
        if (r.group, r.method) == place and criterion.figure in r.figures
    ]
    return replace(criterion, most=limits[0]) if limits else None


def dynamic_range_db(records: Sequence[Record], method: str) -> float:
    """Span of strain in dB with SNRe of at least 5 and |bias| within 5 %, in the strain filter; 0: none.

    The longest run of neighbouring strains counts.
    """
    points = sorted(
        (float(r.parameters["strain"]), r.figures) for r in records if r.group == "strain-filter"
        and r.method == method
    )  # fmt: skip
    best = 0.0
    run: list[float] = []
    for strain, figures in points:
        snre, bias = figures.get("snre") or 0.0, figures.get("strain_bias")
        good = snre >= 5.0 and bias is not None and abs(bias) <= 0.05 * strain
        run = [*run, strain] if good else []
        if len(run) > 1:
            best = max(best, 20.0 * float(np.log10(run[-1] / run[0])))
    return best
