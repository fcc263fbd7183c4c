"""curve.png: the loss over steps, and how held-out scenes came out."""

import math
from pathlib import Path
from typing import Any, Final

from tools.errors import ToolError
from tools.train.journal import Journal

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


def draw_curve(journal: Journal, figure: str, path: Path) -> None:
    """Two panels; `figure` is the one of every contender that the second shows."""
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    drawn = Figure(figsize=(9.0, 4.6), layout="constrained")
    left, right = drawn.subplots(1, 2)
    if journal.rows:
        steps = [int(row["step"]) for row in journal.rows]
        known = ("step", "learning_rate", "samples_per_second", "waited", "left_out")
        for name in (name for name in journal.rows[0] if name not in known):
            left.plot(steps, [float(row[name]) for row in journal.rows], label=name, linewidth=0.8)
        left.legend(**BELOW)
    left.set(xlabel="step", title="terms of the loss")
    for name in journal.looks[0]["contenders"] if journal.looks else ():
        points = [(look["step"], look["contenders"][name][figure]) for look in journal.looks]
        known_points = [(step, value) for step, value in points if value is not None and math.isfinite(value)]
        style = "-" if name == "network" else ":"
        right.plot(*zip(*known_points, strict=True), style, marker=".", label=name) if known_points else None
    right.set(xlabel="step", title=f"{figure} on held-out scenes", yscale="log")
    if journal.looks:
        right.legend(**BELOW)
    drawn.savefig(path, dpi=120)
