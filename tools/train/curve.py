"""curve.png: the loss over steps, and how held-out scenes came out."""

import math
from pathlib import Path
from typing import Any, Final

from tools.errors import ToolError
from tools.part import writing
from tools.train.run_log import RunLog

# on the curves a legend would hide some of them
BELOW: Final[dict[str, Any]] = {
    "loc": "upper center",
    "bbox_to_anchor": (0.5, -0.15),
    "ncols": 3,
    "fontsize": "small",
    "frameon": False,
}


def need_training() -> None:
    """Raises ToolError where the packages of the extra `training` are missing: before hours of work."""
    from importlib.util import find_spec

    missing = [name for name in ("matplotlib", "onnx", "onnxscript", "skfem") if find_spec(name) is None]
    if missing:
        raise ToolError(f"training needs {', '.join(missing)}: pip install 'musse-stream[training]'")


def draw_curve(run_log: RunLog, figure: str, path: Path) -> None:
    """Two panels; `figure` is the one of every method that the second shows."""
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    drawn = Figure(figsize=(9.0, 4.6), layout="constrained")
    left, right = drawn.subplots(1, 2)
    if run_log.rows:
        steps = [int(row["step"]) for row in run_log.rows]
        columns = ("step", "learning_rate", "samples_per_second", "waited", "left_out")
        for name in (name for name in run_log.rows[0] if name not in columns):
            left.plot(steps, [float(row[name]) for row in run_log.rows], label=name, linewidth=0.8)
        left.legend(**BELOW)
    left.set(xlabel="step", title="terms of the loss")
    for name in run_log.looks[0]["methods"] if run_log.looks else ():
        points = [(look["step"], look["methods"][name][figure]) for look in run_log.looks]
        finite = [(step, value) for step, value in points if value is not None and math.isfinite(value)]
        style = "-" if name == "network" else ":"
        right.plot(*zip(*finite, strict=True), style, marker=".", label=name) if finite else None
    right.set(xlabel="step", title=f"{figure} on held-out scenes", yscale="log")
    if run_log.looks:
        right.legend(**BELOW)
    with writing(path) as part:
        drawn.savefig(part, dpi=120)
