"""One image as a figure for a paper: B-mode, strain, colour bar, scale and regions. Needs matplotlib."""

import logging
import math
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.display.colors import MAP_NAMES, blend, colorize, grey_levels, hatch, lookup_table
from tools.display.options import DisplayOptions
from tools.display.readouts import scale_labels
from tools.errors import ToolError
from tools.export.stamp import facts_of, stamp_text
from tools.export.views import bmode_of, strain_of, view_of
from tools.geometry import (
    OBLIQUE,
    Frame,
    extent_of,
    fit,
    mark_at_right,
    oblique_lines,
    outline,
    resample_image,
    resample_values,
)
from tools.measure.frames import ImageFrame
from tools.measure.ratio import measure
from tools.measure.regions import Regions
from tools.output import check_ending

ENDINGS: Final = (".pdf", ".svg", ".png")
_RASTER: Final = 900  # px of the larger side
_DPI: Final = 200
_SCALES_MM: Final = (10.0, 5.0, 2.0, 1.0)
_COLORS: Final = {"a": "#ffd34d", "b": "#7ee0ff"}


def write_figure(
    frame: ImageFrame,
    path: Path,
    options: DisplayOptions,
    regions: Regions | None = None,
    *,
    source_sha256: str = "",
) -> None:
    """Write one image; its metadata hold the SHA-256 of the file it was made of.

    Raises ToolError where matplotlib is missing or the ending is unknown.
    """
    check_ending(path, ENDINGS, "a figure")
    try:
        import matplotlib as mpl

        logging.getLogger("fontTools").setLevel(logging.WARNING)  # else it reports every letter of a PDF
        mpl.use("agg")
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ToolError("a figure needs matplotlib: pip install 'musse-stream[evaluation]'") from error
    bmode, strain = bmode_of(frame, options), strain_of(frame)
    parts = [(frame.grid, frame.relative_strain.shape)]
    if bmode is not None:
        parts.append((bmode.grid, bmode.image.shape))
    place = fit(extent_of(parts), 0, 0, _RASTER, _RASTER, flip=options.flip)
    oblique = oblique_lines(frame.grid, frame.relative_strain.shape)
    stamp = stamp_text(facts_of([frame], options, source_sha256))
    images = [("Relative strain (1 = average of the region)", _strain(strain, place, options))]
    if bmode is not None:
        gain = bmode.exposure_db + options.bmode_gain
        levels = grey_levels(bmode.dynamic_range_db, gain, options.bmode_range)
        grey = cv2.cvtColor(
            cv2.LUT(resample_image(bmode.image, bmode.grid, place), levels), cv2.COLOR_GRAY2RGB
        )
        images.insert(0, (f"B-mode, {options.bmode_range:.0f} dB", np.asarray(grey, np.uint8)))
    # text stays text in a PDF or SVG, and no date or path makes two equal figures differ
    with mpl.rc_context(
        {"svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 8, "svg.hashsalt": "musse"}
    ):
        height = 3.2 * place.extent.height_mm / max(place.extent.width_mm, place.extent.height_mm)
        figure, axes = plt.subplots(
            1,
            len(images),
            figsize=(3.4 * len(images) + 0.9, height + 1.1),
            squeeze=False,
            layout="constrained",
        )
        for axis, (title, image) in zip(axes[0], images, strict=True):
            _image(axis, title, image, place)
            _mark(axis, frame, options)
            _regions(axis, frame, regions)
        for beam in oblique:
            axes[0][-1].plot(beam[:, 0], beam[:, 1], color="white", linewidth=0.8, linestyle=(0, (4, 3)))
        _bar(figure, axes[0][-1], frame, options)
        figure.text(0.5, -0.02, _caption(frame, options, regions), ha="center", va="top", fontsize=7)
        try:
            figure.savefig(path, dpi=_DPI, bbox_inches="tight", metadata=_metadata(path, stamp))
        finally:
            plt.close(figure)


def _strain(strain: Any, place: Frame, options: DisplayOptions) -> NDArray[np.uint8]:
    values, sure, opposite = resample_values(
        strain.normalised, strain.confidence, strain.opposite, strain.grid, place
    )
    colors = colorize(values, options.range_max, options.color_map, opposite=opposite)
    ground = hatch(place.width, place.height)
    return np.ascontiguousarray(blend(ground, colors, sure)[..., ::-1])


def _image(axis: Any, title: str, image: NDArray[np.uint8], place: Frame) -> None:
    e = place.extent
    sides = (e.right, e.left) if place.flip else (e.left, e.right)
    axis.imshow(image, extent=(*sides, e.bottom, e.top), interpolation="nearest", aspect="equal")
    axis.set_title(title, fontsize=8, pad=11)  # above the mark, which it may span where the image is narrow
    axis.set_xlabel("mm across")
    axis.set_ylabel("mm deep")
    length = next(mm for mm in _SCALES_MM if mm <= e.width_mm / 3 or mm == _SCALES_MM[-1])
    inner = 0.05 * e.width_mm
    end = e.left + inner if place.flip else e.right - inner
    start = end + length if place.flip else end - length
    low = e.bottom - 0.05 * e.height_mm
    axis.plot([start, end], [low, low], color="white", linewidth=2.5)
    style = {"color": "white", "ha": "center", "va": "bottom", "fontsize": 7}
    axis.text((start + end) / 2, low - 0.01 * e.height_mm, f"{length:g} mm", **style)


def _mark(axis: Any, frame: ImageFrame, options: DisplayOptions) -> None:
    """A dot above the probe's marked side; a ring above the first line where the mark is not stated."""
    side = 0.97 if mark_at_right(frame.grid, flip=options.flip) else 0.03
    fill = "tab:blue" if frame.grid.mark else "none"
    style = {"marker": "o", "markersize": 4, "markeredgecolor": "tab:blue", "markerfacecolor": fill}
    axis.plot(side, 1.02, transform=axis.transAxes, clip_on=False, **style)


def _regions(axis: Any, frame: ImageFrame, regions: Regions | None) -> None:
    from matplotlib.patches import Ellipse, Rectangle

    if frame.region is not None:
        edge = outline(frame.grid, frame.region)
        axis.fill(edge[:, 0], edge[:, 1], fill=False, edgecolor="white", linewidth=0.7)
    for name in "ab" if regions is not None else "":
        r = getattr(regions, name)
        line: Any = {"fill": False, "edgecolor": _COLORS[name], "linewidth": 1.3}
        corner = (r.x - r.width / 2, r.z - r.height / 2)
        shape = (
            Ellipse((r.x, r.z), r.width, r.height, **line)
            if r.shape == "ellipse"
            else Rectangle(corner, r.width, r.height, **line)
        )
        axis.add_patch(shape)
        axis.text(
            r.x, corner[1] - 0.4, name.upper(), color=_COLORS[name], ha="center", va="bottom", fontsize=8
        )


def _bar(figure: Any, axis: Any, frame: ImageFrame, options: DisplayOptions) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    colors = ListedColormap(lookup_table(options.color_map)[:, 0, ::-1] / 255)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), colors), ax=axis, shrink=0.8)
    labels = scale_labels(view_of(frame, (), options, None))
    bar.set_ticks([share for share, _ in labels], labels=[label for _, label in labels])
    bar.ax.set_title("SOFT", fontsize=8, fontweight="bold")
    bar.ax.set_xlabel("HARD", fontsize=8, fontweight="bold")


def _caption(frame: ImageFrame, options: DisplayOptions, regions: Regions | None) -> str:
    caption = (
        f"Frame {frame.frame_index}, {frame.time:.2f} s, engine {frame.engine}, "
        f"{frame.pairs:.0f} pairs fused, "
        f"quality {frame.quality:.2f}. Colours {MAP_NAMES[options.color_map]}."
    )
    if regions is not None:
        caption += f" Strain ratio B/A {measure(frame, regions).ratio.text}."
    if oblique_lines(frame.grid, frame.relative_strain.shape):
        caption += f" Outside the dashed beams ({math.degrees(OBLIQUE):.0f} degrees) tissue looks harder."
    return caption + "\nRelative axial strain, not stiffness; research use only."


def _metadata(path: Path, stamp: str) -> dict[str, Any]:
    if path.suffix.lower() == ".svg":
        return {"Date": None, "Creator": "musse-stream", "Source": stamp}
    if path.suffix.lower() == ".pdf":
        return {"Creator": "musse-stream", "CreationDate": None, "Subject": stamp}
    return {"Source": stamp}
