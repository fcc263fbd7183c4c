"""Where millimetres lie on the screen: maps are drawn by the grid in their header, never by their size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid


@dataclass(frozen=True, slots=True)
class Extent:
    """A rectangle in the body: mm in depth, mm across (degrees for curved and phased probes)."""

    top: float
    bottom: float
    left: float
    right: float
    mm_per_lateral: float
    """1 for a linear probe; else mm per degree along the arc at the mean depth."""
    curved: bool

    @property
    def width_mm(self) -> float:
        """Width in mm (for a curved probe along the arc at the mean depth)."""
        return (self.right - self.left) * self.mm_per_lateral

    @property
    def height_mm(self) -> float:
        """Depth range in mm."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of pixels that shows an extent at `scale` pixels per mm in both directions."""

    x: int
    y: int
    width: int
    height: int
    extent: Extent
    scale: float

    def column(self, lateral: float) -> float:
        """Pixel column of a lateral position (mm or degrees), relative to the frame's left edge."""
        return (lateral - self.extent.left) * self.extent.mm_per_lateral * self.scale

    def row(self, depth: float) -> float:
        """Pixel row of a depth in mm, relative to the frame's upper edge."""
        return (depth - self.extent.top) * self.scale


def extent_of(parts: Sequence[tuple[Grid, tuple[int, ...]]]) -> Extent:
    """The extent that holds every (grid, shape); the first one's probe gives the lateral unit.

    A cell reaches half a step to each side of its centre.
    """
    first = parts[0][0]
    curved = first.probe_type != "linear"
    unit = math.degrees(1) if curved else 1e3
    top = min(grid.axial_start - grid.axial_step / 2 for grid, _ in parts) * 1e3
    bottom = max(grid.axial_start + (shape[0] - 0.5) * grid.axial_step for grid, shape in parts) * 1e3
    left = min(grid.lateral_start - grid.lateral_step / 2 for grid, _ in parts) * unit
    right = max(grid.lateral_start + (shape[1] - 0.5) * grid.lateral_step for grid, shape in parts) * unit
    arc = math.radians(1) * (first.probe_radius * 1e3 + (top + bottom) / 2)
    return Extent(top, bottom, left, right, arc if curved else 1.0, curved)


def fit(extent: Extent, x: int, y: int, width: int, height: int) -> Frame:
    """The largest frame of true aspect inside a rectangle of pixels, centred."""
    scale = min(width / extent.width_mm, height / extent.height_mm)
    w, h = max(8, round(extent.width_mm * scale)), max(8, round(extent.height_mm * scale))
    return Frame(x + (width - w) // 2, y + (height - h) // 2, w, h, extent, scale)


def lateral_unit(grid: Grid) -> float:
    """Display units (mm or degrees) per unit of the grid's lateral axis (m or rad)."""
    return 1e3 if grid.probe_type == "linear" else math.degrees(1)


def resample_values(
    values: NDArray[np.float32], confidence: NDArray[np.float32], grid: Grid, frame: Frame
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values and confidence on the frame's pixels; NaN values where the map has none.

    Linear between pixels of one sign, nearest where signs or missing values meet: between +1 and -1 linear
    interpolation would pass through 0, a hard rim that no measurement made.
    """
    negative = (values < 0).astype(np.float32)
    stack = np.dstack([values, negative, confidence])
    nan = (float("nan"),) * 3
    smooth = _warp(stack, grid, frame, cv2.INTER_LINEAR, nan)
    nearest = _warp(values, grid, frame, cv2.INTER_NEAREST, nan)
    mixed = smooth[..., 1]
    one_sign = (mixed == 0) | (mixed == 1)
    out = np.where(one_sign & np.isfinite(smooth[..., 0]), smooth[..., 0], nearest)
    sure = np.nan_to_num(smooth[..., 2], copy=False)
    edge = np.isfinite(nearest) & ~np.isfinite(smooth[..., 1])  # the outer half of the border cells
    if edge.any():
        sure = np.where(edge, _warp(confidence, grid, frame, cv2.INTER_NEAREST, nan), sure)
    return out, sure


def resample_image(image: NDArray[np.uint8], grid: Grid, frame: Frame) -> NDArray[np.uint8]:
    """A B-mode image on the frame's pixels, averaged where several rows fall on one pixel; 0 outside."""
    rows_per_pixel = 1 / (grid.axial_step * 1e3 * frame.scale)
    block = int(rows_per_pixel)
    if block > 1:
        rows = image.shape[0] // block
        image = np.asarray(
            cv2.resize(image[: rows * block], (image.shape[1], rows), interpolation=cv2.INTER_AREA), np.uint8
        )
        start = grid.axial_start + (block - 1) / 2 * grid.axial_step
        grid = grid.model_copy(update={"axial_start": start, "axial_step": grid.axial_step * block})
    out: NDArray[np.uint8] = _warp(image, grid, frame, cv2.INTER_LINEAR, (0.0,))
    return out


def _warp(
    source: NDArray[Any], grid: Grid, frame: Frame, interpolation: int, border: tuple[float, ...]
) -> NDArray[Any]:
    """`source` at the centres of the frame's pixels."""
    unit = lateral_unit(grid)
    per_column = 1 / (frame.scale * frame.extent.mm_per_lateral * grid.lateral_step * unit)
    per_row = 1 / (frame.scale * grid.axial_step * 1e3)
    first_column = (frame.extent.left - grid.lateral_start * unit) / (grid.lateral_step * unit)
    first_row = (frame.extent.top - grid.axial_start * 1e3) / (grid.axial_step * 1e3)
    matrix = np.array(
        [
            [per_column, 0, first_column + per_column / 2],
            [0, per_row, first_row + per_row / 2],
        ]
    )
    return np.asarray(
        cv2.warpAffine(
            source,
            matrix,
            (frame.width, frame.height),
            flags=interpolation | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=border,
        )
    )
