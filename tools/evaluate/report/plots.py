"""The report's curves from rows and records, each a data URI of an SVG."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.metrics.resolution import BIN, MIN_COHERENCE
from tools.evaluate.figures.sequences import SETTLED
from tools.evaluate.methods import CONTROLS
from tools.evaluate.records import Record
from tools.evaluate.summary import Row

COLORS = ("#0b6e99", "#c2571a", "#5b8c2a", "#7a4d9c", "#a8324a")
GREY = "#8a8f98"


def data_uri(figure: Figure, kind: str = "svg") -> str:
    """The figure as a data URI for <img>; webp has a quarter of a PNG's bytes."""
    buffer = io.BytesIO()
    options = {"pil_kwargs": {"quality": 82}} if kind == "webp" else {}
    figure.savefig(buffer, format=kind, dpi=90, bbox_inches="tight", **options)  # type: ignore[arg-type]  # of Pillow
    media = "image/svg+xml" if kind == "svg" else f"image/{kind}"
    return f"data:{media};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def save_png(figure: Figure, path: Path) -> None:
    """Write the figure with 256 dithered colours: half the bytes without a visible difference."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT).save(path, "PNG", optimize=True)


def _figure(columns: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5.2 * columns, 3.4), layout="constrained")
    axes = [figure.add_subplot(1, columns, k + 1) for k in range(columns)]
    for axis in axes:
        axis.grid(visible=True, color="#dddddd", linewidth=0.6)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    return figure, axes


def engines_of(records: Sequence[Record], group: str) -> list[str]:
    """Methods of a group without the controls, in order."""
    return [m for m in dict.fromkeys(r.method for r in records if r.group == group) if m not in CONTROLS]


def strain_filter(records: Sequence[Record]) -> str | None:
    """SNRe against applied strain, with the bound."""
    names = engines_of(records, "strain-filter")
    if not names:
        return None
    figure, (axis,) = _figure()
    for color, name in zip(COLORS, names, strict=False):
        points = sorted(
            (float(r.parameters["strain"]), r.figures["snre"], r.figures["bound"])
            for r in records
            if r.group == "strain-filter" and r.method == name
        )
        strain = np.array([p[0] for p in points])
        axis.loglog(100 * strain, [p[1] for p in points], "o-", color=color, label=name)
    axis.loglog(
        100 * strain, strain / np.array([p[2] for p in points], float), "--", color=GREY, label="bound"
    )
    axis.axhline(5.0, color=GREY, linewidth=0.8, linestyle=":")
    axis.set_xlabel("applied strain, %")
    axis.set_ylabel("SNRe (mean / std), inner region")
    axis.legend(frameon=False)
    return data_uri(figure)


def frontier(records: Sequence[Record]) -> str | None:
    """Error against edge width over all windows: lower left is better."""
    chosen = [r for r in records if r.group == "frontier"]
    if not chosen:
        return None
    cases = list(dict.fromkeys(r.case.rpartition(",")[0] for r in chosen))
    figure, axes = _figure(len(cases))
    for axis, case in zip(axes, cases, strict=True):
        here = [r for r in chosen if r.case.rpartition(",")[0] == case]
        for color, engine in zip(
            COLORS, dict.fromkeys(r.method.partition("@")[0] for r in here), strict=False
        ):
            points: dict[str, list[tuple[float, float]]] = {}
            for r in here:
                nrmse, down, aside = (r.figures.get(n) for n in ("nrmse", "edge_axial", "edge_lateral"))
                if r.method.startswith(f"{engine}@") and nrmse and down and aside:
                    points.setdefault(r.method, []).append((float(np.sqrt(down * aside)), nrmse))
            place = np.array([np.median(p, axis=0) for p in points.values()])
            if not place.size:
                continue
            axis.plot(place[:, 0], place[:, 1], ".", color=color, alpha=0.5)
            order = place[np.argsort(place[:, 0])]
            best = order[order[:, 1] <= np.minimum.accumulate(order[:, 1])]
            axis.plot(best[:, 0], best[:, 1], "-", color=color, label=engine)
        axis.set_title(case, fontsize=10)
        axis.set_xlabel("edge width, mm (10-90 %, mean of both directions)")
        axis.set_yscale("log")
        axis.set_ylabel("NRMSE = RMSE / std of truth")
        axis.legend(frameon=False)
    return data_uri(figure)


def calibration(rows: Sequence[Row]) -> str | None:
    """Error over predicted std per group: calibrated inside the band."""
    own = [r for r in rows if not ({"@", "/"} & set(r.method)) and r.method not in CONTROLS]
    chosen = [r for r in own if "calibration" in r.figures]
    if not chosen:
        return None
    groups = list(dict.fromkeys(r.group for r in chosen))
    figure = Figure(figsize=(8.0, 0.28 * len(groups) + 1.2), layout="constrained")
    axis = figure.add_subplot()
    axis.axvspan(0.8, 1.25, color="#e4f1e4")
    for color, name in zip(COLORS, dict.fromkeys(r.method for r in chosen), strict=False):
        found = {r.group: r.figures["calibration"] for r in chosen if r.method == name}
        axis.plot([found.get(g, np.nan) for g in groups], range(len(groups)), "o", color=color, label=name)
    axis.set_yticks(range(len(groups)), groups)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xticks([0.2, 0.5, 1.0, 2.0, 4.0], ["0.2", "0.5", "1", "2", "4"])
    axis.minorticks_off()
    axis.set_xlabel("RMS of error / strain_std (green: 0.8-1.25)")
    axis.legend(frameon=False)
    return data_uri(figure)


def sparsification(records: Sequence[Record]) -> str | None:
    """Error after the pixels of the largest standard deviation are dropped, mean over all pairs."""
    names = [
        n for n in dict.fromkeys(r.method for r in records if "sparsification" in r.sums) if "@" not in n
    ]
    if not names:
        return None
    figure, (axis,) = _figure()
    for color, name in zip(COLORS, names, strict=False):
        curves = np.array(
            [r.sums["sparsification"] for r in records if r.method == name and "sparsification" in r.sums]
        )
        dropped = np.arange(curves.shape[2]) * 100.0 / curves.shape[2]
        axis.plot(dropped, curves[:, 0].mean(axis=0), color=color, label=f"{name}, by its std")
        axis.plot(dropped, curves[:, 1].mean(axis=0), ":", color=color, label=f"{name}, by its error")
    axis.axhline(1.0, color=GREY, linewidth=0.8)
    axis.set_xlabel("pixels dropped, %")
    axis.set_ylabel("RMSE of the rest / RMSE of all")
    axis.legend(frameon=False)
    return data_uri(figure)


def coherence(rows: Sequence[Row]) -> str | None:
    """Coherence with truth and modulation transfer at each spatial frequency."""
    chosen = [
        r for r in rows if "coherence_axial" in r.curve and r.method not in ("zero", "constant", "truth")
    ]
    if not chosen:
        return None
    figure, axes = _figure(2)
    for color, row in zip(COLORS, chosen, strict=False):
        for name, style in (("axial", "-"), ("lateral", "--")):
            k = (np.arange(len(row.curve[f"coherence_{name}"])) + 0.5) * BIN
            values = [np.nan if v is None else v for v in row.curve[f"coherence_{name}"]]
            axes[0].plot(k, values, style, color=color, label=f"{row.method}, {name}")
            coherent = [value >= MIN_COHERENCE for value in values]
            axes[1].plot(k, np.where(coherent, row.curve[f"transfer_{name}"], np.nan), style, color=color)
    axes[0].set_ylabel("coherence with true strain")
    axes[1].set_ylabel("H")
    axes[1].axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    for axis in axes:
        axis.set_xlabel("cycles per mm")
        axis.set_ylim(0, 1.2)
    axes[0].legend(frameon=False, fontsize=7)
    return data_uri(figure)


def gratings(rows: Sequence[Row]) -> str | None:
    """Contrast recovery on strain gratings against their period."""
    chosen = [r for r in rows if "recoveries" in r.curve and r.method not in ("zero", "constant", "truth")]
    if not chosen:
        return None
    figure, axes = _figure(2)
    for axis, name in zip(axes, ("axial", "lateral"), strict=True):
        for color, row in zip(COLORS, chosen, strict=False):
            points = sorted((p, s) for a, p, s in row.curve["recoveries"] if a == name)
            axis.plot([p for p, _ in points], [s for _, s in points], "o-", color=color, label=row.method)
        axis.set_title(f"{name} gratings", fontsize=10)
        axis.set_xlabel("period, mm")
        axis.set_ylabel("contrast recovery")
        axis.set_ylim(0, 1.15)
    axes[1].legend(frameon=False)
    return data_uri(figure)


def detection(rows: Sequence[Row]) -> str | None:
    """AUC against diameter, one panel per rho, one line style per stiffness."""
    chosen = [r for r in rows if "auc" in r.curve and r.method not in CONTROLS]
    if not chosen:
        return None
    rhos = sorted({entry[0] for entry in chosen[0].curve["auc"]}, reverse=True)
    figure, axes = _figure(len(rhos))
    styles = dict(zip(sorted({e[1] for e in chosen[0].curve["auc"]}), ("-", "--", ":"), strict=False))
    for axis, rho in zip(axes, rhos, strict=True):
        for color, row in zip(COLORS, chosen, strict=False):
            for stiffness, style in styles.items():
                points = sorted((e[2], e[4]) for e in row.curve["auc"] if e[0] == rho and e[1] == stiffness)
                axis.plot(*zip(*points, strict=True), f"o{style}", color=color, markersize=3,
                          label=f"{row.method}, stiffness {stiffness:g}")  # fmt: skip
        axis.axhline(0.95, color=GREY, linewidth=0.8, linestyle=":")
        axis.set_title(f"rho {rho:g}", fontsize=10)
        axis.set_xlabel("diameter, mm")
        axis.set_ylabel("AUC, matched filter")
        axis.set_ylim(0.4, 1.02)
    axes[-1].legend(frameon=False, fontsize=7)
    return data_uri(figure)


def cycles(rows: Sequence[Row]) -> str | None:
    """Error of single pairs and of the fused image, frame by frame."""
    chosen = [r for r in rows if r.group == "cycles"]
    hands = sorted({name.partition(" ")[0] for r in chosen for name in r.curve})
    if not hands:
        return None
    figure, axes = _figure(len(hands))
    for axis, hand in zip(axes, hands, strict=True):
        for color, row in zip(COLORS, chosen, strict=False):
            axis.plot(row.curve[f"{hand} fused"], color=color, label=f"fused, {row.method}")
        axis.plot(
            chosen[0].curve[f"{hand} single"], ".", color=GREY, label=f"single pairs, {chosen[0].method}"
        )
        axis.plot(chosen[0].curve[f"{hand} frozen"], ":", color=GREY, label="frozen at the first image")
        axis.axhline(0.4, color=GREY, linewidth=0.8, linestyle="--")
        axis.axvline(SETTLED, color=GREY, linewidth=0.8, linestyle=":")
        axis.set_yscale("log")
        axis.set_title(f"{hand} hand", fontsize=10)
        axis.set_xlabel("frame")
        axis.set_ylabel("NRMSE of relative strain, pooled")
    axes[-1].legend(frameon=False, fontsize=7)
    return data_uri(figure)


def cut(records: Sequence[Record]) -> str | None:
    """Fraction of the change from the old image to the new one."""
    chosen = [r for r in records if r.group == "cut"]
    if not chosen:
        return None
    figure, (axis,) = _figure()
    for color, name in zip(COLORS, dict.fromkeys(r.method for r in chosen), strict=False):
        for r in (r for r in chosen if r.method == name):
            axis.plot(r.sums["shares"]["fused"], color=color, label=name if r.case.endswith("1") else None)
            axis.plot(r.sums["shares"]["frozen"], ":", color=GREY, label="frozen" if r is chosen[0] else None)
    axis.axhline(0.9, color=GREY, linewidth=0.8, linestyle="--")
    axis.axvline(8.0, color=GREY, linewidth=0.8, linestyle=":")
    axis.set_xlabel("frames after the cut (30/s; dotted: 0.3 s)")
    axis.set_ylabel("fraction of the new image")
    axis.legend(frameon=False)
    return data_uri(figure)
