"""Consecutive images of recordings: single pairs above, the fused image below, on one colour scale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from engine.bmode import bmode
from engine.metrics.accuracy import Map
from streamer.headers import Grid
from streamer.step import StrainMessage
from tools.evaluate.figures.unsupervised import Watched, fused_image, single_image
from tools.evaluate.report.plots import save_png
from tools.geometry import is_curved, outline, to_plane

Edges: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Depth of the edges of the rows (m), lateral position of those of the columns (m; curved probes: rad)."""

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


def _draw(axes: Any, title: str, watched: Watched) -> list[ScalarMappable]:
    messages = [m for m in watched.messages if m.fused is not None and m.header.grid is not None][-COLUMNS:]
    images = []
    edges: Edges | None = None
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
            edges = _edges(grid, values, every)
            images.append(_image(axis, values, grid, edges, vmin=0.0, vmax=TOP, cmap=COLORS))
            axis.set_xlabel("width, mm" if row else "", fontsize=6)
            _limit(axis, message, grid, edges)
    if edges is not None:
        axis = axes[0, 0]
        axis.axis("on")
        axis.set_title(f"{title}, B-mode", fontsize=8)
        axis.set_ylabel("depth, mm", fontsize=7)
        last = messages[-1].header.grid
        assert last is not None  # noqa: S101 - chosen so above
        _bmode(axis, watched, messages[-1], last, edges)
        _limit(axis, messages[-1], last, edges)
    return images


def _edges(grid: Grid, values: Map, every: int) -> Edges:
    rows, columns = values.shape
    return (
        grid.axial_start + grid.axial_step * every * np.arange(rows + 1),
        grid.lateral_start + grid.lateral_step * (np.arange(columns + 1) - 0.5),
    )


def _image(axis: Any, values: Any, grid: Grid, edges: Edges, **style: Any) -> ScalarMappable:
    """A map where it lies in the body, in mm: that of a curved probe is a sector."""
    depth, lateral = edges
    if is_curved(grid):
        x, z = to_plane(grid, depth[:, None], lateral[None, :])
        image: ScalarMappable = axis.pcolormesh(x, z, values, **style)
        axis.set_aspect("equal")
        return image
    extent = (1e3 * lateral[0], 1e3 * lateral[-1], 1e3 * depth[-1], 1e3 * depth[0])
    shown: ScalarMappable = axis.imshow(values, extent=extent, aspect="equal", **style)
    return shown


def _bmode(axis: Any, watched: Watched, message: StrainMessage, grid: Grid, edges: Edges) -> None:
    """Aligned with strain maps of `edges`, whose columns may span several lines and omit the last ones."""
    grey = bmode(watched.frames[message.header.post_index], watched.spec)
    depth = watched.spec.shape[0] * watched.spec.sample_pitch
    half = 0.5 * watched.spec.shape[1] * watched.spec.line_pitch
    top, middle = edges[0][0], 0.5 * (edges[1][0] + edges[1][-1])
    rows, columns = grey.shape
    own = (
        np.linspace(top, top + depth, rows + 1),
        np.linspace(middle - half, middle + half, columns + 1),
    )
    _image(axis, grey, grid, own, cmap="gray")


def _limit(axis: Any, message: StrainMessage, grid: Grid, edges: Edges) -> None:
    """Limit the axes to the region of interest, in which pairs are assessed; without one, to the map."""
    region = message.header.region
    box = region or (edges[0][0], edges[0][-1], edges[1][0], edges[1][-1])
    corners = outline(grid, box)
    axis.set_xlim(corners[:, 0].min(), corners[:, 0].max())
    axis.set_ylim(corners[:, 1].max(), corners[:, 1].min())
