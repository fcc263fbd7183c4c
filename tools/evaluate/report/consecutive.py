"""Consecutive images of recordings: single pairs above, the fused image below, on one colour scale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from engine.bmode import bmode
from engine.metrics.accuracy import Map
from streamer.headers import Grid
from streamer.step import StrainMessage
from tools.evaluate.figures.unsupervised import Watched, fused_image, single_image
from tools.evaluate.report.plots import save_png

Extent: TypeAlias = tuple[float, float, float, float]
"""(left, right, bottom, top) in mm."""

COLUMNS: Final = 5
TOP: Final = 2.5  # of relative strain, the initial range of the display
COLORS: Final = colormaps["turbo"].with_extremes(under="#6b6b6b", bad="white")
"""Hard is blue, soft red, as on scanners; opposite sign is dark grey."""
SCALE: Final = (
    "relative strain: 1 = average, blue = harder, red = softer; dark grey = opposite sign, white = no value"
)


def draw_consecutive(shown: Sequence[tuple[str, Watched]], path: Path) -> None:
    """Write a PNG: for each (title, recording) the B-mode and the last few images, single pairs and fused.

    Only frames whose pair was added to the fused image are shown.
    """
    figure = Figure(figsize=(2.0 * (COLUMNS + 1), 4.5 * len(shown) + 0.7), layout="constrained")
    axes = figure.subplots(2 * len(shown), COLUMNS + 1, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
        axis.tick_params(labelsize=6)
    images = [
        image
        for number, (title, watched) in enumerate(shown)
        for image in _draw(axes[2 * number : 2 * number + 2], title, watched)
    ]
    if images:
        bar = figure.colorbar(images[-1], ax=axes, location="bottom", fraction=0.03, aspect=50, extend="max")
        bar.set_label(SCALE, fontsize=8)
        bar.ax.tick_params(labelsize=7)
    save_png(figure, path)


def _draw(axes: Any, title: str, watched: Watched) -> list[AxesImage]:
    messages = [m for m in watched.messages if m.fused is not None and m.header.grid is not None][-COLUMNS:]
    images = []
    extent: Extent | None = None
    for column, message in enumerate(messages, start=1):
        pre, post, grid = message.header.pre_index, message.header.post_index, message.header.grid
        assert grid is not None  # noqa: S101 - chosen so above
        found = (single_image(message), fused_image(message))
        titles = (f"single pair {pre}-{post}", f"fused, frame {post}")
        for row, (name, image) in enumerate(zip(titles, found, strict=True)):
            if image is None:
                continue
            _, values, every = image
            axis = axes[row, column]
            axis.axis("on")
            axis.set_title(name, fontsize=8)
            extent = _extent(grid, values, every)
            images.append(_strain(axis, values, extent))
            axis.set_xlabel("width, mm" if row else "", fontsize=6)
            _limit(axis, message)
    if extent is not None:
        axis = axes[0, 0]
        axis.axis("on")
        axis.set_title(f"{title}, B-mode", fontsize=8)
        axis.set_ylabel("depth, mm", fontsize=7)
        _bmode(axis, watched, messages[-1], extent)
        _limit(axis, messages[-1])
    return images


def _extent(grid: Grid, values: Map, every: int) -> Extent:
    """(left, right, bottom, top) in mm."""
    top, left = 1e3 * grid.axial_start, 1e3 * grid.lateral_start
    depth, width = 1e3 * grid.axial_step * every * values.shape[0], 1e3 * grid.lateral_step * values.shape[1]
    return left, left + width, top + depth, top


def _strain(axis: Any, values: Map, extent: Extent) -> AxesImage:
    image: AxesImage = axis.imshow(values, extent=extent, vmin=0.0, vmax=TOP, cmap=COLORS, aspect="equal")
    return image


def _bmode(axis: Any, watched: Watched, message: StrainMessage, extent: Extent) -> None:
    """Aligned with strain maps of `extent`, whose columns may span several lines and omit the last ones."""
    grey = bmode(watched.frames[message.header.post_index], watched.spec)
    depth = 1e3 * watched.spec.shape[0] * watched.spec.sample_pitch
    half = 0.5e3 * watched.spec.shape[1] * watched.spec.line_pitch
    left, right, _, top = extent
    middle = 0.5 * (left + right)
    axis.imshow(grey, extent=(middle - half, middle + half, top + depth, top), cmap="gray", aspect="equal")


def _limit(axis: Any, message: StrainMessage) -> None:
    """Limit the axes to the region of interest, in which pairs are assessed."""
    region = message.header.region
    if region is not None:
        axis.set_ylim(1e3 * region[1], 1e3 * region[0])
        axis.set_xlim(1e3 * region[2], 1e3 * region[3])
