"""Where the time of a pair goes: a table and a chart of the node's stages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tools.part import writing

STAGES: Final = {
    "wait": "a frame in the ring",
    "prepare": "IQ, gain normalisation, coarse search",
    "upload": "to the card",
    "infer": "the network, or tracking",
    "post": "maps on the output grid, pair quality",
    "turn": "until the pairs before it were published",
    "fuse": "the fused image",
}
"""Stages up to encoding, in order, and what happens in each."""
OTHER: Final = "the rest"
"""Of the time from a frame's send call to its strain at a listener: both hops, checks, encoding."""


def stage_times(stages: Sequence[Mapping[str, float]], total: Sequence[float]) -> dict[str, dict[str, float]]:
    """Median, 99th percentile (ms) and share of the mean of each stage of many pairs.

    `stages` are s by name, `total` s from the send call to the arrival of the strain.
    """
    times = {name: [pair.get(name, 0.0) for pair in stages] for name in STAGES}
    times[OTHER] = [whole - sum(pair.values()) for whole, pair in zip(total, stages, strict=True)]
    whole = float(np.mean(total))
    return {
        name: {
            "p50_ms": round(float(np.percentile(values, 50)) * 1e3, 3),
            "p99_ms": round(float(np.percentile(values, 99)) * 1e3, 3),
            "share": round(float(np.mean(values)) / whole, 3),
        }
        for name, values in times.items()
        if any(values)
    }


def stage_lines(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The table as text, one stage a line."""
    rows = [f"{'stage':9} {'p50 ms':>8} {'p99 ms':>8} {'share':>6}"]
    for name, row in found.items():
        about = STAGES.get(name, "both hops, checks, encoding")
        rows.append(f"{name:9} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} {row['share']:6.0%}  {about}")
    return rows


def draw_stages(figures: Mapping[str, Any], path: Path, *, overwrite: bool = True) -> None:
    """A bar of the stages' medians and one of their 99th percentiles, as PNG, SVG or PDF.

    Raises ToolError without matplotlib, RecordingError where the file cannot be written, or without
    `overwrite` is there.
    """
    from tools.evaluate.report.page import need_matplotlib

    need_matplotlib("the chart", "leave out --plot")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.add_subplot()
    begun = np.zeros(2)
    for name, row in figures["stages"].items():
        widths = np.maximum([row["p99_ms"], row["p50_ms"]], 0.0)
        axes.barh(["99th percentile", "median"], widths, left=begun, label=f"{name} ({row['share']:.0%})")
        begun += widths
    axes.set_xlabel("ms, stages one after the other (percentiles of different pairs do not add up exactly)")
    axes.set_title(
        f"engine {figures['engine']} on the {figures['device']}, {' x '.join(map(str, figures['shape']))} "
        f"{figures['dtype']} at {figures['rate']:g} frames/s, {figures['environment']['cpu']}",
        fontsize=10,
    )
    axes.legend(ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    with writing(path, overwrite=overwrite) as part:
        figure.savefig(part, dpi=130)
