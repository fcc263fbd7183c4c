"""The short report that lives in the repository: misses first, then groups, decisions and the machine."""

import math
from collections.abc import Sequence
from pathlib import Path

from tools.evaluate.criteria import CriterionResult
from tools.evaluate.methods import CONTROLS
from tools.evaluate.outcome import Evaluation
from tools.evaluate.records import Record
from tools.evaluate.report.findings import explained
from tools.evaluate.report.pairing import pairing_table
from tools.evaluate.report.text import ABOUT
from tools.evaluate.suite.catalogue import GROUPS, SEED, question
from tools.evaluate.summary import Row, pooled_recovery
from tools.part import writing

COLUMNS = (
    ("nrmse", "NRMSE", 1.0, "{:.2f}"),
    ("contrast_recovery", "contrast recovery", 1.0, "{:.2f}"),
    ("strain_rmse", "strain RMSE, %", 100.0, "{:.3f}"),
    ("mean_preserved", "mean kept, worst", 1.0, "{:.3f}"),
    ("displacement_rmse", "displ. RMSE, samples", 1.0, "{:.3f}"),
    ("over_bound", "noise / bound", 1.0, "{:.2f}"),
    ("edge_axial", "edge axial, mm", 1.0, "{:.1f}"),
    ("edge_lateral", "edge lateral, mm", 1.0, "{:.1f}"),
    ("calibration", "error / std", 1.0, "{:.2f}"),
    ("coverage", "in 95 %", 1.0, "{:.2f}"),
    ("blobs_per_100_cm2", "blobs / 100 cm²", 1.0, "{:.1f}"),
    ("closure", "closure / sigma", 1.0, "{:.2f}"),
    ("auc", "AUC", 1.0, "{:.3f}"),
    ("firm_fused_worst", "fused, firm, worst NRMSE", 1.0, "{:.2f}"),
    ("response", "response, s", 1.0, "{:.2f}"),
)
REJECTION = "rejection.md"


def write_summary(outcome: Evaluation, path: Path, *, overwrite: bool = True) -> None:
    """Write the Markdown file, with the tables of `rejection.md` beside it."""
    request, missed = outcome.request, [c for c in outcome.criteria if not c.met]
    engines = ", ".join(request.engines)
    command = (
        f"musse-stream evaluate --suite {request.suite} "
        + "".join(f"--engine {name} " for name in request.engines)
        + f"--summary docs/evaluation/{path.name} --overwrite"
    )
    report = (
        " The images and curves are in [report.html](report.html)." * (path.parent / "report.html").exists()
    )
    n_cases = len({(r.group, r.case) for r in outcome.records})
    parts = [
        f"# Evaluation of {engines}",
        f"Made by `{command}`, seed {SEED}, {n_cases} cases; do not edit.{report}",
        f"## Weaknesses: {len(missed)} of {len(outcome.criteria)} acceptance criteria missed",
        _table(("group", "method", "figure", "value", "criterion", "why"), [_miss(c) for c in missed]),
        _displaced(outcome.rows),
        "## Groups",
        ABOUT.replace("Grey rows are controls", "Rows in italics are controls"),
        _recovery(outcome.records),
        *(_group(outcome.rows, group) for group in GROUPS if group != "frontier"),
        "## Tables that decide",
    ]
    pairing = pairing_table(outcome.rows)
    if pairing is not None:
        parts += [f"### {pairing.title}", pairing.about, _table(pairing.head, pairing.lines), pairing.reason]
    study = path.parent / REJECTION
    if study.exists():
        title, _, text = study.read_text(encoding="utf-8").partition("\n")
        parts += [f"##{title}", text.replace("\n## ", "\n#### ").strip()]
    parts += ["## Measured with", _table(("", ""), [(k, str(v)) for k, v in outcome.environment.items()])]
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path, overwrite=overwrite) as part:
        part.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _miss(result: CriterionResult) -> tuple[str, ...]:
    criterion = result.criterion
    why = explained(result.method, criterion.group, criterion.figure)
    value = _shown(result.value, 1.0, "{:.4g}") or "none"
    return (criterion.group, result.method, criterion.title, value, result.limits, why)


def _group(rows: Sequence[Row], group: str) -> str:
    found = [row for row in rows if row.group == group]
    used = [c for c in COLUMNS if any(not math.isnan(row.figures.get(c[0], math.nan)) for row in found)]
    if not used:
        return ""
    lines = [
        (
            _named(row),
            *(_shown(row.figures.get(name, math.nan), scale, form) for name, _, scale, form in used),
        )
        for row in found
    ]
    head = ("method", *(title for _, title, _, _ in used))
    parts = (f"**{group}** - {question(group)}", _table(head, lines), _transfer(found))
    return "\n\n".join(part for part in parts if part)


def _recovery(records: Sequence[Record]) -> str:
    """One line: contrast recovery over the whole suite."""
    found = "; ".join(
        f"{method} {recovery:.2f}"
        for method, recovery in pooled_recovery(records).items()
        if method not in CONTROLS or method == "truth, fitted"
    )
    if not found:
        return ""
    return f"Contrast recovery over the pairs of all groups, where large strain weighs most: {found}."


def _named(row: Row) -> str:
    return f"*{row.method}*" if row.method in CONTROLS else row.method


def _transfer(rows: Sequence[Row]) -> str:
    """Modulation transfer (contrast recovery on each grating) of every method; empty for other groups."""
    recoveries = [
        {(axis, period): value for axis, period, value in row.curve.get("recoveries", ())} for row in rows
    ]
    lines = [
        (
            axis,
            f"{period:g}",
            *(_shown(_or_nan(found.get((axis, period))), 1.0, "{:.2f}") for found in recoveries),
        )
        for axis, period in dict.fromkeys(place for found in recoveries for place in found)
    ]
    if not lines:
        return ""
    head = ("direction", "period, mm", *(_named(row) for row in rows))
    return f"Modulation transfer, the contrast recovery on each grating (1: all):\n\n{_table(head, lines)}"


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _displaced(rows: Sequence[Row]) -> str:
    """Groups in which the network's displacement (no criterion covers it) is worse than the reference's."""
    found = {(row.group, row.method): row.figures.get("displacement_rmse", math.nan) for row in rows}
    worse = [
        f"{group} ({own:.3f} against {found[group, 'reference']:.3f})"
        for (group, method), own in found.items()
        if method == "musse" and own > found.get((group, "reference"), math.nan)
    ]
    if not worse:
        return ""
    return (
        "No criterion covers displacement: its RMSE, in samples, is larger for musse than for the "
        f"reference in {', '.join(worse)}."
    )


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    return "\n".join(
        [
            f"| {' | '.join(head)} |",
            "|" + "---|" * len(head),
            *(f"| {' | '.join(cells)} |" for cells in lines),
        ]
    )


def _shown(value: float, scale: float, form: str) -> str:
    if math.isnan(value):
        return ""
    return form.format(value * scale) if math.isfinite(value) else "∞"
