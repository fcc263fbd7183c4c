"""report.html: missed criteria first, then figures, curves and images, and the environment of the run."""

import html
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tools.errors import ToolError
from tools.evaluate.criteria import CriterionResult, dynamic_range_db
from tools.evaluate.methods import CONTROLS
from tools.evaluate.outcome import Evaluation
from tools.evaluate.report.findings import explained
from tools.evaluate.report.pairing import DecisionTable, pairing_table
from tools.evaluate.report.text import ABOUT, CAPTIONS, GLOSSARY, UNCERTAINTY
from tools.evaluate.suite.catalogue import GROUPS, SEED, question
from tools.evaluate.summary import Row, smallest_diameter
from tools.part import writing

FIGURES = (
    ("nrmse", "NRMSE", 1.0, "{:.3f}", "pooled RMSE of strain / std of truth"),
    ("contrast_recovery", "contrast recovery", 1.0, "{:.3f}", "regression of strain on truth"),
    ("recovery_over_fitted", "recovery / fitted", 1.0, "{:.3f}", "over that of truth in the same window"),
    ("strain_rmse", "strain RMSE, %", 100.0, "{:.3f}", ""),
    ("strain_bias", "strain bias, %", 100.0, "{:.4f}", ""),
    ("over_bound", "noise / bound", 1.0, "{:.2f}", "std of strain over the closed-form bound, median"),
    ("edge_axial", "edge axial, mm", 1.0, "{:.2f}", "10-90 %, median"),
    ("edge_lateral", "edge lateral, mm", 1.0, "{:.2f}", "10-90 %, median"),
    ("cnre", "CNRe", 1.0, "{:.2f}", "root form, median; increases with blur"),
    ("strain_ratio", "contrast kept", 1.0, "{:.3f}", "strain ratio / true ratio, median"),
    ("calibration", "error / std", 1.0, "{:.2f}", "RMS over pixels"),
    (
        "calibration_edge",
        "at edges",
        1.0,
        "{:.2f}",
        "error / std within 1 mm of the inclusion's border, median",
    ),
    ("calibration_away", "elsewhere", 1.0, "{:.2f}", "error / std everywhere else, median"),
    ("coverage", "in 95 %", 1.0, "{:.3f}", "share of pixels inside their own interval"),
    ("sparsification_gain", "ranking gain", 1.0, "{:.2f}", "of the best possible, median"),
    ("displacement_rmse", "displ. RMSE, samples", 1.0, "{:.4f}", ""),
    ("lateral_rmse", "lateral RMSE, lines", 1.0, "{:.3f}", "median"),
    ("cycle_skips", "skips, %", 100.0, "{:.3f}", "pixels off by over a quarter cycle, worst case"),
    ("mean_preserved", "mean kept", 1.0, "{:.4f}", "mean strain over true mean strain, worst case"),
    ("ncc_over_truth", "NCC - truth's", 1.0, "{:+.4f}", "largest; above 0: noise is fitted"),
    ("blobs_per_100_cm2", "blobs / 100 cm²", 1.0, "{:.1f}", "over 3 mm, contrast above 1.5"),
    ("flip", "flip / std", 1.0, "{:.2f}", "mirrored pair against the pair itself, median"),
    ("release_press", "release - press", 1.0, "{:.4f}", "RMS of relative strain, median"),
    ("information", "information, bit/cm²", 1.0, "{:.1f}", "from coherence with true strain"),
    ("resolution_axial", "H 50 % axial, mm", 1.0, "{:.2f}", "period"),
    ("resolution_lateral", "H 50 % lateral, mm", 1.0, "{:.2f}", "period"),
    ("closure", "closure / sigma", 1.0, "{:.2f}", "three frames, RMS of strain closure over predicted sigma"),
    ("closure_frozen", "frozen map", 1.0, "{:.1f}", "control: the first pair's image for all three"),
    ("closure_strain", "closure, %", 100.0, "{:.3f}", "RMS of strain closure, median"),
    ("closure_samples", "closure, samples", 1.0, "{:.3f}", "RMS of displacement closure, median"),
    ("auc", "AUC", 1.0, "{:.3f}", "mean over the table"),
    ("firm_single_mean", "firm: single, mean NRMSE", 1.0, "{:.2f}", ""),
    ("firm_fused_mean", "firm: fused, mean NRMSE", 1.0, "{:.2f}", "after the fifth frame"),
    ("firm_fused_worst", "firm: fused, worst NRMSE", 1.0, "{:.2f}", ""),
    ("light_single_mean", "light: single, mean NRMSE", 1.0, "{:.2f}", ""),
    ("light_fused_mean", "light: fused, mean NRMSE", 1.0, "{:.2f}", ""),
    ("light_fused_worst", "light: fused, worst NRMSE", 1.0, "{:.2f}", ""),
    ("response", "response, s", 1.0, "{:.2f}", "to 90 % of the new image, median"),
    ("response_frozen", "frozen map, s", 1.0, "{:.2f}", "control"),
    ("ms_median", "ms", 1.0, "{:.0f}", "one pair, median; on this machine under its load"),
)

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2129;max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0}th,td{padding:.2rem .55rem;text-align:right}
th{font-weight:600;border-bottom:1px solid #999;vertical-align:bottom}
td:first-child,th:first-child{text-align:left}
th.why,td.why{text-align:left;max-width:34rem}
tr.control td{color:#8a8f98}tr:hover td{background:#f3f5f7}.missed{color:#a8324a;font-weight:600}
img{max-width:100%}.note{color:#555;max-width:48rem}.wide{overflow-x:auto}code{font-size:13px}
"""


def need_matplotlib(what: str, otherwise: str) -> None:
    """Raise ToolError if `what` cannot be drawn, with what else one can do; called before a run."""
    if find_spec("matplotlib") is None:
        raise ToolError(f"{what} needs matplotlib: pip install 'musse-stream[evaluation]', or {otherwise}")


def write_report(outcome: Evaluation) -> Path:
    """Write report.html into the run's folder and return its path."""
    from tools.evaluate.report import plots
    from tools.evaluate.report.images import case_images

    request, rows, records = outcome.request, outcome.rows, outcome.records
    curves = {
        "strain-filter": plots.strain_filter(records),
        "frontier": plots.frontier(records),
        "coherence": plots.coherence(rows),
        "gratings": plots.gratings(rows),
        "detectability": plots.detection(rows),
        "cycles": plots.cycles(rows),
        "cut": plots.cut(records),
    }
    images = case_images(request.output)
    n_cases = len({(r.group, r.case) for r in records})
    parts = [
        f"<h1>Strain engines, evaluated: {html.escape(', '.join(request.engines))}</h1>",
        f"<p class=note>Suite {request.suite}, seed {SEED}, {n_cases} cases. {ABOUT}</p>",
        _criteria(outcome.criteria),
        _glossary(),
        "<h2>Uncertainty</h2>",
        f"<p class=note>{UNCERTAINTY}</p>",
        _image(plots.calibration(rows)),
        _image(plots.sparsification(records)),
    ]
    for group in GROUPS:
        found = [row for row in rows if row.group == group]
        if not found:
            continue
        parts.append(f"<h2>{group}</h2><p class=note>{html.escape(question(group))}</p>")
        parts.append(_image(curves.get(group)))
        if group in CAPTIONS:
            parts.append(f"<p class=note>{html.escape(CAPTIONS[group])}</p>")
        if group != "frontier":
            parts.append(_table(found))
        if group == "strain-filter":
            names = plots.engines_of(records, group)
            spans = ", ".join(f"{n} {dynamic_range_db(records, n):.0f} dB" for n in names)
            parts.append(f"<p>Range of strain with SNRe of 5 or more and bias within 5 %: {spans}.</p>")
        if group == "cycles":
            parts.append(_decision(pairing_table(found)))
        if group == "detectability":
            parts.append(_diameters(found))
        parts += [_image(image.uri) for image in images if image.group == group]
    parts.append(_environment(outcome))
    head = f"<meta charset=utf-8><title>Strain evaluation</title><style>{STYLE}</style>"
    page = "\n".join(["<!doctype html><html lang=en>", head, *parts, "</html>\n"])
    path = request.output / "report.html"
    with writing(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _criteria(criteria: Sequence[CriterionResult]) -> str:
    missed = [c for c in criteria if not c.met]
    lines = "".join(
        f"<tr><td>{c.criterion.group}<td>{html.escape(c.method)}<td>{html.escape(c.criterion.title)}"
        f"<td class=missed>{_number(c.value, '{:.4g}') or 'none'}<td>{c.limits}"
        f"<td class=why>{html.escape(explained(c.method, c.criterion.group, c.criterion.figure))}"
        for c in missed
    )
    head = "<tr><th>group<th>method<th>figure<th>value<th>criterion<th class=why>why"
    if not missed:
        return f"<h2>All {len(criteria)} acceptance criteria met</h2>"
    title = f"Weaknesses: {len(missed)} of {len(criteria)} acceptance criteria missed"
    return f"<h2>{title}</h2><table>{head}{lines}</table>"


def _table(rows: Sequence[Row]) -> str:
    used = [f for f in FIGURES if any(not math.isnan(row.figures.get(f[0], math.nan)) for row in rows)]
    head = "".join(f'<th title="{html.escape(about)}">{html.escape(title)}' for _, title, _, _, about in used)
    body = "".join(
        f"<tr{' class=control' if row.method in CONTROLS else ''}><td>{html.escape(row.method)}"
        + "".join(
            f"<td>{_number(row.figures.get(name, math.nan) * scale, form)}"
            for name, _, scale, form, _ in used
        )
        for row in rows
    )
    return f"<div class=wide><table><tr><th>method{head}{body}</table></div>"


def _glossary() -> str:
    lines = "".join(
        f"<tr><td>{html.escape(word)}<td class=why>{html.escape(text)}" for word, text in GLOSSARY
    )
    return f"<h2>How to read it</h2><table>{lines}</table>"


def _decision(table: DecisionTable | None) -> str:
    if table is None:
        return ""
    lines = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}' for cell in line)}" for line in table.lines)
    head = "".join(f"<th>{html.escape(title)}" for title in table.head)
    return (
        f"<h3>{html.escape(table.title)}</h3><p class=note>{html.escape(table.about)}</p>"
        f"<table><tr>{head}{lines}</table><p class=note>{html.escape(table.reason)}</p>"
    )


def _diameters(rows: Sequence[Row]) -> str:
    lines = "".join(
        f"<tr><td>{html.escape(row.method)}<td>{rho:g}<td>{stiffness:g}"
        f"<td>{_number(smallest_diameter(row, rho, stiffness), '{:g}')}"
        for row in rows
        if row.method not in CONTROLS
        for rho, stiffness in dict.fromkeys((e[0], e[1]) for e in row.curve["auc"])
    )
    head = "<tr><th>method<th>rho<th>stiffness<th>smallest diameter at AUC 0.95, mm"
    return f"<table>{head}{lines}</table>"


def _environment(outcome: Evaluation) -> str:
    lines = "".join(f"<tr><td>{k}<td>{html.escape(str(v))}" for k, v in outcome.environment.items())
    return f"<h2>Measured with</h2><table>{lines}</table>"


def _image(uri: str | None) -> str:
    return f'<p><img src="{uri}" alt=""></p>' if uri else ""


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return ""
    return form.format(value) if math.isfinite(value) else "∞"
