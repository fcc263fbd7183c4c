"""Pools records into one row per group and method: sums are added before any division."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from engine.metrics.accuracy import Accuracy
from engine.metrics.calibration import Calibration
from engine.metrics.closure import Closure
from engine.metrics.detection import auc, fitted_auc
from engine.metrics.resolution import Spectra, pooled
from tools.evaluate.figures.sequences import SETTLED, unlisted
from tools.evaluate.records import Record

MEANS: Final = (
    "edge_axial",
    "edge_lateral",
    "cnre",
    "strain_ratio",
    "lateral_rmse",
    "calibration_edge",
    "calibration_away",
    "sparsification_gain",
    "over_bound",
    "response",
    "response_frozen",
    "single_nrmse_median",
    "fused_nrmse",
    "pairs_used",
    "closure_strain",
    "closure_samples",
    "flip",
    "release_press",
)
"""Figures whose median over the cases of a group is taken, because they cannot be pooled from sums."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """A method's figures over a whole group."""

    group: str
    method: str
    cases: int
    figures: dict[str, float]
    curve: dict[str, Any] = field(default_factory=dict)
    """Data of the plots: spectra, detection tables, frames of a cycle."""


def summarise(records: Iterable[Record]) -> list[Row]:
    """Rows in the order in which groups and methods first appear."""
    parts: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        parts.setdefault((record.group, record.method), []).append(record)
    rows = [_row(group, method, found) for (group, method), found in parts.items()]
    fitted = {
        row.group: row.figures.get("contrast_recovery") for row in rows if row.method == "truth, fitted"
    }
    for row in rows:
        allowed = fitted.get(row.group)
        if allowed and "contrast_recovery" in row.figures:
            row.figures["recovery_over_fitted"] = row.figures["contrast_recovery"] / allowed
    return rows


def _row(group: str, method: str, records: Sequence[Record]) -> Row:
    figures: dict[str, float] = {}
    curve: dict[str, Any] = {}
    strains = [unlisted(r.sums["strain"]) for r in records if "strain" in r.sums]
    if strains:
        total = sum(strains, Accuracy())
        # uniform truth adds error but no variance to the NRMSE
        varying = sum((s for s in strains if s.varies), Accuracy())
        moved = sum((unlisted(r.sums["displacement"]) for r in records), Accuracy())
        figures |= {
            "strain_rmse": total.rmse,
            "strain_bias": total.bias,
            "nrmse": varying.nrmse,
            "contrast_recovery": varying.contrast_recovery,
            "displacement_rmse": moved.rmse,
            "displacement_bias": moved.bias,
        }
        for name in ("cycle_skips", "mean_preserved"):
            values = _values(records, name)
            worst = max(
                values, key=lambda v: abs(v - (1.0 if name == "mean_preserved" else 0.0)), default=np.nan
            )
            figures[name] = float(worst)
        over = [a - b for a, b in zip(_values(records, "ncc"), _values(records, "ncc_truth"), strict=False)]
        figures["ncc_over_truth"] = max(over, default=float("nan"))
    calibrations = [Calibration(*_calibration(r)) for r in records if "calibration" in r.sums]
    if calibrations:
        calibrated = sum(calibrations, Calibration())
        figures |= {"calibration": calibrated.z, "coverage": calibrated.coverage}
    for name in MEANS:
        values = _values(records, name)
        if values:
            figures[name] = float(np.median(values))
    if "blobs" in records[0].figures:
        area = sum(_values(records, "area_cm2"))
        figures["blobs_per_100_cm2"] = 100.0 * sum(_values(records, "blobs")) / area if area else float("nan")
    if "closure" in records[0].sums:
        figures |= {name: _closed(records, name).z for name in ("closure", "closure_frozen")}
    if "spectra" in records[0].sums:
        figures |= _spectral([r.sums["spectra"] for r in records], curve)
    if "scores" in records[0].sums:
        figures |= _detected(records, curve)
    if "fused" in records[0].sums:
        figures |= _cycled(records, curve)
    if records[0].group == "gratings":
        curve["recoveries"] = [
            [r.parameters["axis"], float(r.parameters["period_mm"]), r.figures.get("contrast_recovery")]
            for r in records
        ]
        figures |= {
            transfer_figure(axis, period): recovery
            for axis, period, recovery in curve["recoveries"]
            if recovery is not None
        }
    seconds = [r.seconds for r in records if r.seconds > 0]
    if seconds:
        figures["ms_median"] = 1e3 * float(np.median(seconds))
        figures["ms_least"] = 1e3 * float(min(seconds))
    return Row(group=group, method=method, cases=len(records), figures=figures, curve=curve)


def pooled_recovery(records: Iterable[Record]) -> dict[str, float]:
    """Contrast recovery over the pairs of all groups, by method; strain that varies more weighs more.

    Without the frontier, whose windows are no method's default.
    """
    totals: dict[str, Accuracy] = {}
    for record in records:
        if record.group != "frontier" and "strain" in record.sums:
            pair = unlisted(record.sums["strain"])
            if pair.varies:
                totals[record.method] = totals.get(record.method, Accuracy()) + pair
    return {method: total.contrast_recovery for method, total in totals.items()}


def transfer_figure(axis: str, period: float) -> str:
    """Name of the contrast recovery on the grating of `period` mm along `axis`, axial or lateral."""
    return f"contrast_recovery_{axis}_{period:g}_mm"


def _calibration(record: Record) -> tuple[int, float, int]:
    pixels, squared_z, covered = record.sums["calibration"][:3]  # records of earlier releases hold two more
    return int(pixels), squared_z, int(covered)


def _values(records: Sequence[Record], name: str) -> list[float]:
    found = [r.figures.get(name) for r in records]
    return [value for value in found if value is not None and not np.isnan(value)]


def _spectral(parts: Sequence[dict[str, Any]], curve: dict[str, Any]) -> dict[str, float]:
    total = pooled(
        [
            Spectra(
                truth=np.array(p["truth"]),
                estimate=np.array(p["estimate"]),
                cross=np.array(p["cross_real"]) + 1j * np.array(p["cross_imag"]),
                modes=np.array(p["modes"]),
                area=float(p["area"]),
            )
            for p in parts
        ]
    )
    coherence = total.coherence()
    curve["coherence_axial"] = coherence[:, 0].tolist()
    curve["coherence_lateral"] = coherence[0].tolist()
    curve["transfer_axial"] = total.transfer(0).tolist()
    curve["transfer_lateral"] = total.transfer(1).tolist()
    return {
        "information": total.information(),
        "resolution_axial": total.resolution(0),
        "resolution_lateral": total.resolution(1),
    }


def _detected(records: Sequence[Record], curve: dict[str, Any]) -> dict[str, float]:
    scores: dict[tuple[float, float, float], tuple[list[float], list[float]]] = {}
    for r in records:
        for stiffness, diameter, present, score in r.sums["scores"]:
            place = (float(r.parameters["rho"]), stiffness, diameter)
            absent_scores, present_scores = scores.setdefault(place, ([], []))
            (present_scores if present else absent_scores).append(score)
    table = [
        [*place, auc(present, absent), fitted_auc(present, absent)]
        for place, (absent, present) in sorted(scores.items())
        if present and absent
    ]
    curve["auc"] = table
    return {"auc": float(np.mean([row[3] for row in table])) if table else float("nan")}


def _closed(records: Sequence[Record], name: str) -> Closure:
    parts = [r.sums[name] for r in records]
    return sum((Closure(int(pixels), *sums) for pixels, *sums in parts), Closure())


def _cycled(records: Sequence[Record], curve: dict[str, Any]) -> dict[str, float]:
    figures = {
        name: float(np.median(_values(records, name) or [np.nan])) for name in ("calibration", "coverage")
    }  # of the fused image
    hands = sorted({str(r.parameters["hand"]) for r in records})
    for hand in hands:
        chosen = [r for r in records if r.parameters["hand"] == hand]
        for kind in ("single", "fused", "frozen"):
            by_frame = []
            for frame in range(len(chosen[0].sums[kind])):
                rows = [r.sums[kind][frame] for r in chosen]
                total = sum((unlisted(row) for row in rows if row), Accuracy())
                by_frame.append(total.nrmse)
            curve[f"{hand} {kind}"] = by_frame
            later = [nrmse for nrmse in by_frame[SETTLED:] if not np.isnan(nrmse)]
            if later:
                figures[f"{hand}_{kind}_worst"] = max(later)
                figures[f"{hand}_{kind}_mean"] = float(np.mean(later))
    return figures


def smallest_diameter(row: Row, rho: float, stiffness: float, least: float = 0.95) -> float:
    """Smallest diameter, in mm, from which on all lesions reach an AUC of `least`; inf if there is none."""
    seen = [(entry[2], entry[4]) for entry in row.curve["auc"] if entry[0] == rho and entry[1] == stiffness]
    found = float("inf")
    for diameter, value in sorted(seen, reverse=True):
        if not value >= least:
            break
        found = diameter
    return found
