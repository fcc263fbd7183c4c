"""The effect of uncertainty and fusion, in four images of one simulated frame.

python -m tools.evaluate.studies.illustration docs/images/uncertainty-fusion.png
"""

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from engine.metrics.accuracy import Map
from tools.evaluate.figures.sequences import run_sequence
from tools.evaluate.methods import Engines, Setting
from tools.evaluate.report.consecutive import COLORS
from tools.evaluate.report.plots import save_png
from tools.evaluate.studies.rejection import sequences

SEED: Final = 32_000
FRAME: Final = 16  # early in the second press: the strain of its pair is a third of a percent
TOP: Final = 2.0  # of relative strain
UNCERTAIN: Final = 1.0  # of its standard deviation: as large as the average strain


def draw(path: Path) -> None:
    """Write the PNG: truth, a single pair, its standard deviation, and the fused image of one frame."""
    view = next(sequences(SEED, 1, FRAME + 1))
    spec = view.scene.spec
    messages = list(run_sequence(view, Engines()(Setting(engine="reference"), spec), "sequential"))
    last = next(m for m in reversed(messages) if m.fused is not None)
    result, pair_quality, fused = last.result, last.pair_quality, last.fused
    assert result is not None  # noqa: S101 - a fused image implies a result
    assert pair_quality is not None  # noqa: S101 - the same
    assert fused is not None  # noqa: S101 - chosen so above
    truth, _ = view.image(last.header.post_index)
    mean = np.float32(last.header.mean_strain or 1.0)
    hidden = ~pair_quality.valid
    panels: list[tuple[str, Map, Any]] = [
        ("true strain", truth, COLORS),
        ("one pair of frames", np.where(hidden, np.nan, result.axial_strain / mean), COLORS),
        ("standard deviation of that pair", np.where(hidden, np.nan, result.strain_std / abs(mean)), "magma"),
        (f"fused from {len(messages) - 1} pairs", fused.arrays[0], COLORS),
    ]
    figure = Figure(figsize=(10.5, 3.7), layout="constrained")
    axes = figure.subplots(1, len(panels))
    depth = spec.shape[0] * spec.sample_pitch * 1e3
    half = spec.shape[1] * spec.line_pitch * 5e2
    images: list[Any] = []
    for axis, (title, values, colors) in zip(axes, panels, strict=True):
        image = axis.imshow(
            values,
            extent=(-half, half, depth, 0.0),
            vmin=0.0,
            vmax=TOP if colors is COLORS else UNCERTAIN,
            cmap=colors,
            aspect="equal",
        )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("mm", fontsize=8)
        axis.tick_params(labelsize=7)
        images.append(image)
    axes[0].set_ylabel("depth, mm", fontsize=8)
    for image, beside, label in (
        (images[2], [axes[2]], "standard deviation of relative strain"),
        (images[3], [axes[3]], "relative strain (1 = average)"),
    ):
        bar = figure.colorbar(image, ax=beside, fraction=0.05)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    save_png(figure, path)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
