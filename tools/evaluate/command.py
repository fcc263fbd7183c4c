"""The command `musse-stream evaluate`: run, pool, apply the criteria, write the files, show a table."""

import json
import math
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.errors import ToolError
from tools.evaluate.criteria import CriterionResult, check_criteria, dynamic_range_db
from tools.evaluate.figures.sequences import PAIRINGS
from tools.evaluate.methods import COMPARATOR, CONTROLS, Engines, parse_setting
from tools.evaluate.outcome import Evaluation, EvaluationRequest
from tools.evaluate.records import LINES, environment
from tools.evaluate.run import Plan, run
from tools.evaluate.suite.catalogue import SEED, cases
from tools.evaluate.suite.scene import Case
from tools.evaluate.summary import Row, smallest_diameter, summarise
from tools.output import emit
from tools.part import check_output, writing
from tools.processes import ctrl_c

COLUMNS = (
    ("nrmse", "NRMSE", "{:.2f}"),
    ("contrast_recovery", "contrast", "{:.2f}"),
    ("strain_rmse", "strain RMSE %", "{:.3f}"),
    ("over_bound", "/ bound", "{:.2f}"),
    ("edge_axial", "edge ax mm", "{:.1f}"),
    ("edge_lateral", "edge lat mm", "{:.1f}"),
    ("cnre", "CNRe", "{:.1f}"),
    ("calibration", "error/std", "{:.2f}"),
    ("coverage", "in 95 %", "{:.2f}"),
    ("displacement_rmse", "disp samples", "{:.3f}"),
    ("cycle_skips", "skips %", "{:.2f}"),
    ("ms_median", "ms", "{:.0f}"),
)
PERCENT = ("strain_rmse", "cycle_skips")
MAIN = ("nrmse", "contrast_recovery", "calibration", "coverage", "ms_median")
FIGURES, REPORT = "figures.json", "report.html"
WIDE = 140  # characters that the whole table takes; all figures are in figures.json


def run_evaluation(request: EvaluationRequest, console: Console, *, as_json: bool) -> Evaluation:
    """Run the request, write its files, show its table on `console`; with `as_json` one line on stdout.

    Raises ToolError for unknown names and for a folder with records if `resume` is False, and the errors of
    opening an engine.
    """
    settings = [parse_setting(text) for text in request.engines]
    wanted = cases(request.suite, list(request.groups))
    if request.report:
        from tools.evaluate.report.page import need_matplotlib

        need_matplotlib("the report", "give --no-report")
    if (request.output / LINES).exists() and not request.resume:
        raise ToolError(f"{request.output} holds an evaluation: give --resume to go on, or another --output")
    _check_outputs(request)
    request.output.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        wanted,
        settings,
        request.output,
        request.threads,
        request.limit,
        request.weights,
        request.device,
    )
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with ctrl_c() as check, progress:
        task = progress.add_task("evaluate", total=len(wanted))

        def on_case(case: Case, done: int, total: int) -> None:
            check()
            progress.update(task, completed=done, description=f"{case.group}: {case.name}"[:40])

        records = list(run(plan, resume=request.resume, on_case=on_case))
    rows = summarise(records)
    criteria = check_criteria(rows, _has_criteria)
    engines = Engines(weights=request.weights, device=request.device)
    weights = {f"weights of {s.label}": found[:12] for s in settings if (found := engines.weights(s))}
    measured_with = {**environment(), **weights}
    outcome = Evaluation(
        request=request, records=records, rows=rows, criteria=criteria, environment=measured_with
    )
    written = _figures(outcome)
    figures = request.output / FIGURES
    with writing(figures) as part:
        part.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    console.print(figure_table(rows, console.width))
    console.print(criteria_table(criteria))
    if request.report:
        from tools.evaluate.report.page import write_report

        path = write_report(outcome)
        console.print(f"report: {path}")
    if request.summary is not None:
        from tools.evaluate.report.markdown import write_summary

        write_summary(outcome, request.summary, overwrite=request.overwrite)
        console.print(f"summary: {request.summary}")
    emit(
        "evaluate",
        {"met": sum(c.met for c in criteria), "criteria": len(criteria), **_head(outcome)},
        as_json=as_json,
        text=f"acceptance criteria met: {criteria_met(criteria)}; figures: {figures}",
    )
    return outcome


def _check_outputs(request: EvaluationRequest) -> None:
    """Raise RecordingError where a file would be replaced; in a folder with records they are its own."""
    if not request.resume:
        for name in (FIGURES, REPORT) if request.report else (FIGURES,):
            if (request.output / name).exists():
                check_output(request.output / name, overwrite=request.overwrite)
    if request.summary is not None and request.summary.exists():
        check_output(request.summary, overwrite=request.overwrite, inputs=[request.weights])


def _has_criteria(method: str) -> bool:
    """Whether a method is an engine as it is used: no control, default windows, default pairing."""
    pairing = method.partition("/")[2]
    return method not in CONTROLS and "@" not in method and pairing in ("", PAIRINGS[0])


def _head(outcome: Evaluation) -> dict[str, Any]:
    request = outcome.request
    return {
        "suite": request.suite,
        "seed": SEED,
        "engines": list(request.engines),
        "records": len(outcome.records),
        "output": str(request.output),
    }


def _figures(outcome: Evaluation) -> dict[str, Any]:
    def plain(value: float) -> float | str | None:
        if math.isnan(value):
            return None
        return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")

    ranges = {
        name: dynamic_range_db(outcome.records, name)
        for name in dict.fromkeys(r.method for r in outcome.records if r.group == "strain-filter")
    }
    return {
        **_head(outcome),
        "environment": outcome.environment,
        "dynamic_range_db": ranges,
        "smallest_diameter_mm": {
            row.method: {
                f"rho {rho:g}, stiffness {stiffness:g}": plain(smallest_diameter(row, rho, stiffness))
                for rho, stiffness in dict.fromkeys((e[0], e[1]) for e in row.curve["auc"])
            }
            for row in outcome.rows
            if "auc" in row.curve
        },
        "groups": [
            {
                "group": row.group,
                "method": row.method,
                "cases": row.cases,
                "figures": {name: plain(value) for name, value in row.figures.items()},
            }
            for row in outcome.rows
        ],
        "criteria": [
            {"group": c.criterion.group, "figure": c.criterion.figure,
             "title": c.criterion.title,
             "least": plain(c.criterion.least), "most": plain(c.criterion.most),
             "method": c.method, "value": plain(c.value), "met": c.met}
            for c in outcome.criteria
        ],
    }  # fmt: skip


def figure_table(rows: list[Row], width: int = WIDE) -> Table:
    """One line per group and method; controls dimmed. Below `WIDE` characters only the main figures."""
    columns = COLUMNS if width >= WIDE else [column for column in COLUMNS if column[0] in MAIN]
    table = Table(title="Strain over the inner region (one 2 x 1 mm window from every border)")
    table.add_column("group")
    table.add_column("method")
    for _, title, _ in columns:
        table.add_column(title, justify="right")
    last = ""
    for row in rows:
        if row.group == "frontier":
            continue
        shown = [
            _shown(row.figures.get(name, math.nan) * (100.0 if name in PERCENT else 1.0), form)
            for name, _, form in columns
        ]
        if all(not text for text in shown[:-1]):
            continue
        style = "dim" if row.method in CONTROLS else ""
        table.add_row(row.group if row.group != last else "", row.method, *shown, style=style)
        last = row.group
    return table


def criteria_table(criteria: list[CriterionResult]) -> Table:
    """The criteria that are not met; those of the baseline dimmed, because nobody expects them to be."""
    table = Table(title="Acceptance criteria that are not met")
    for title in ("group", "method", "figure", "value", "criterion"):
        table.add_column(title)
    for c in criteria:
        if not c.met:
            baseline = c.method.partition("/")[0] == COMPARATOR
            table.add_row(
                c.criterion.group,
                f"{c.method} (baseline)" if baseline else c.method,
                c.criterion.title,
                _shown(c.value, "{:.4g}") or "none",
                c.limits,
                style="dim" if baseline else "",
            )
    return table


def _baselines_last(method: str) -> tuple[bool, str]:
    return method.partition("/")[0] == COMPARATOR, method


def criteria_met(criteria: list[CriterionResult]) -> str:
    """How many criteria each method meets."""
    methods = sorted({c.method for c in criteria}, key=_baselines_last)
    counts = {name: [c.met for c in criteria if c.method == name] for name in methods}
    return ", ".join(f"{name} {sum(met)} of {len(met)}" for name, met in counts.items()) or "none applies"


def _shown(value: float, form: str) -> str:
    return "" if math.isnan(value) else form.format(value)
