"""Where the samples of a map lie in the body, and where the body lies on a screen.

The one map between pixel, millimetre, depth and line: window, page, regions, calipers and exports use it.
The image plane has x across (mm, right of the probe's middle) and z away from the probe's surface at its
middle (mm). A line of a linear probe goes straight down at its x; that of a curved or phased probe leaves the
arc of radius R at the angle t, so that its sample at depth d lies at

    x = (R + d) sin t,    z = (R + d) cos t - R.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid

FloatMap = NDArray[np.float32]
OBLIQUE: Final = math.radians(20)
"""Beyond this angle uniform tissue that is pressed along the axis shows less than 0.77 of its strain."""

_HALF: Final = np.float32(0.5)


@dataclass(frozen=True, slots=True)
class Extent:
    """A rectangle of the image plane, mm."""

    top: float
    bottom: float
    left: float
    right: float

    @property
    def width_mm(self) -> float:
        """Width in mm."""
        return self.right - self.left

    @property
    def height_mm(self) -> float:
        """Height in mm."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of pixels that shows an extent at `scale` pixels per mm in both directions.

    `flip` mirrors left and right: for the eye only, positions in mm stay as they are.
    """

    x: int
    y: int
    width: int
    height: int
    extent: Extent
    scale: float
    flip: bool = False

    def column(self, lateral: float) -> float:
        """Pixel column of an x in mm, relative to the frame's left edge."""
        if self.flip:
            return (self.extent.right - lateral) * self.scale
        return (lateral - self.extent.left) * self.scale

    def row(self, depth: float) -> float:
        """Pixel row of a z in mm, relative to the frame's upper edge."""
        return (depth - self.extent.top) * self.scale

    def position(self, column: float, row: float) -> tuple[float, float]:
        """x and z in mm of a pixel position relative to the frame's upper left corner."""
        x = column / self.scale
        across = self.extent.right - x if self.flip else self.extent.left + x
        return across, self.extent.top + row / self.scale


def is_curved(grid: Grid) -> bool:
    """Whether the lateral axis of a grid is an angle."""
    return grid.probe_type != "linear"


def to_plane(grid: Grid, depth: Any, lateral: Any) -> tuple[Any, Any]:
    """x and z in mm of depths (m) and lateral positions (m, or rad of a curved or phased probe)."""
    if not is_curved(grid):
        return lateral * 1e3, depth * 1e3
    along = grid.probe_radius + depth
    return along * np.sin(lateral) * 1e3, (along * np.cos(lateral) - grid.probe_radius) * 1e3


def to_beam(grid: Grid, x: Any, z: Any) -> tuple[Any, Any]:
    """Depth (m) and lateral position (m or rad) of a point of the image plane in mm."""
    if not is_curved(grid):
        return z * 1e-3, x * 1e-3
    across, down = x * 1e-3, z * 1e-3 + grid.probe_radius
    return np.hypot(across, down) - grid.probe_radius, np.arctan2(across, down)


def axes_of(grid: Grid, shape: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depth of every row (m) and lateral position of every column (m or rad)."""
    return (
        grid.axial_start + grid.axial_step * np.arange(shape[0], dtype=np.float64),
        grid.lateral_start + grid.lateral_step * np.arange(shape[1], dtype=np.float64),
    )


def cell_positions(grid: Grid, shape: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """x and z in mm of every cell's centre, both (rows, cols)."""
    depth, lateral = axes_of(grid, shape)
    x, z = to_plane(grid, depth[:, None], lateral[None, :])
    return np.broadcast_to(x, shape[:2]), np.broadcast_to(z, shape[:2])


def cell_areas(grid: Grid, shape: Sequence[int]) -> NDArray[np.float64]:
    """Area of every cell in mm^2, (rows, 1): cells of a curved probe widen with depth."""
    depth, _ = axes_of(grid, shape)
    width = (grid.probe_radius + depth) * grid.lateral_step if is_curved(grid) else grid.lateral_step
    return np.asarray(1e6 * grid.axial_step * np.broadcast_to(width, depth.shape))[:, None]


def outline(grid: Grid, box: tuple[float, float, float, float], points: int = 32) -> NDArray[np.float64]:
    """(n, 2) x and z in mm around a box of depth from, to, lateral from, to: a sector on a curved probe."""
    top, bottom, left, right = box
    across = np.linspace(left, right, points if is_curved(grid) else 2)
    depth = np.concatenate([np.full(across.size, top), np.full(across.size, bottom)])
    x, z = to_plane(grid, depth, np.concatenate([across, across[::-1]]))
    return np.stack([x, z], axis=1)


def oblique_lines(grid: Grid, shape: Sequence[int]) -> list[NDArray[np.float64]]:
    """(2, 2) x and z in mm of the beams of OBLIQUE degrees that lie within a map, from top to bottom.

    Outside them uniform tissue that is pressed along the axis looks hard: its strain along a beam of angle t
    is the strain along the axis times cos 2t. Empty for a linear probe and for a narrow fan.
    """
    if not is_curved(grid):
        return []
    top, bottom, left, right = _limits(grid, shape)
    beams = [angle for angle in (-OBLIQUE, OBLIQUE) if left < angle < right]
    return [np.stack(to_plane(grid, np.array([top, bottom]), angle), axis=1) for angle in beams]


def extent_of(parts: Sequence[tuple[Grid, tuple[int, ...]]]) -> Extent:
    """The extent that holds every (grid, shape). A cell reaches half a step to each side of its centre."""
    corners = np.concatenate([outline(grid, _limits(grid, shape)) for grid, shape in parts])
    for grid, shape in parts:
        top, bottom, left, right = _limits(grid, shape)
        if is_curved(grid) and left < 0 < right:  # the arc is deepest and the probe highest in its middle
            corners = np.concatenate([corners, [[0.0, bottom * 1e3], [0.0, top * 1e3]]])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return Extent(float(top), float(bottom), float(left), float(right))


def mark_at_right(grid: Grid, *, flip: bool) -> bool:
    """Whether the probe's mark, or the first line where it is not stated, is shown at the right."""
    return (grid.mark == "last") != flip


def fit(extent: Extent, x: int, y: int, width: int, height: int, *, flip: bool = False) -> Frame:
    """The largest frame of true aspect inside a rectangle of pixels, centred."""
    scale = min(width / extent.width_mm, height / extent.height_mm)
    w, h = max(8, round(extent.width_mm * scale)), max(8, round(extent.height_mm * scale))
    return Frame(x + (width - w) // 2, y + (height - h) // 2, w, h, extent, scale, flip)


@lru_cache(maxsize=16)
def lookup(grid: Grid, frame: Frame) -> tuple[FloatMap, FloatMap]:
    """Fractional column and row of the map under the centre of every pixel, both (height, width) float32.

    Cached: made once per geometry and size, it makes scan conversion a single cv2.remap.
    """
    columns = np.arange(frame.width) + 0.5
    rows = np.arange(frame.height) + 0.5
    x, z = frame.position(columns[None, :], rows[:, None])  # type: ignore[arg-type]  # arrays go through
    depth, lateral = to_beam(grid, x, z)
    row = np.broadcast_to((depth - grid.axial_start) / grid.axial_step, (frame.height, frame.width))
    column = np.broadcast_to((lateral - grid.lateral_start) / grid.lateral_step, (frame.height, frame.width))
    return column.astype(np.float32), row.astype(np.float32)


def resample_values(
    values: FloatMap, confidence: FloatMap, opposite: NDArray[np.bool_], grid: Grid, frame: Frame
) -> tuple[FloatMap, FloatMap, NDArray[np.bool_]]:
    """Values, confidence and the opposite-sign mask on the frame's pixels; NaN values where the map has none.

    Value x mask over mask, so that a missing value does not spread, and none is shown more than half a cell
    from a measured one. Nearest where opposite signs meet: between +1 and -1 linear interpolation would pass
    through 0, a hard rim that no measurement made.
    """
    valid = np.isfinite(values)
    mask = valid.astype(np.float32)
    filled = np.where(valid, values, np.float32(0))
    stack = np.dstack([filled, np.where(valid, confidence, np.float32(0)), mask, opposite * mask])
    smooth = _remap(stack, grid, frame, cv2.INTER_LINEAR)
    share = smooth[..., 2]
    shown = _remap(mask, grid, frame, cv2.INTER_NEAREST) > _HALF
    weight = np.where(shown, np.maximum(share, np.float32(1e-3)), np.float32(1))
    out, sure, other = smooth[..., 0] / weight, smooth[..., 1] / weight, smooth[..., 3] / weight
    mixed = shown & (other > 1e-3) & (other < 1 - 1e-3)
    if mixed.any():
        out = np.where(mixed, _remap(filled, grid, frame, cv2.INTER_NEAREST), out)
        nearest = _remap(opposite.astype(np.float32), grid, frame, cv2.INTER_NEAREST)
        other = np.where(mixed, nearest, other)
    nan, zero = np.float32(np.nan), np.float32(0)
    return np.where(shown, out, nan), np.where(shown, sure, zero), shown & (other > _HALF)


def resample_image(image: NDArray[np.uint8], grid: Grid, frame: Frame) -> NDArray[np.uint8]:
    """A B-mode image on the frame's pixels, averaged where several rows fall on one pixel; 0 outside."""
    block = int(1 / (grid.axial_step * 1e3 * frame.scale))
    if block > 1:
        rows = image.shape[0] // block
        image = np.asarray(
            cv2.resize(image[: rows * block], (image.shape[1], rows), interpolation=cv2.INTER_AREA), np.uint8
        )
        start = grid.axial_start + (block - 1) / 2 * grid.axial_step
        grid = grid.model_copy(update={"axial_start": start, "axial_step": grid.axial_step * block})
    return np.asarray(_remap(image, grid, frame, cv2.INTER_LINEAR), np.uint8)


def inside(grid: Grid, shape: tuple[int, ...], frame: Frame) -> NDArray[np.bool_]:
    """Whether each of the frame's pixels lies on the map, half a cell around its centres included."""
    column, row = lookup(grid, frame)
    rows, cols = shape[:2]
    return (column >= -_HALF) & (column <= cols - _HALF) & (row >= -_HALF) & (row <= rows - _HALF)


def _limits(grid: Grid, shape: Sequence[int]) -> tuple[float, float, float, float]:
    return (
        grid.axial_start - grid.axial_step / 2,
        grid.axial_start + (shape[0] - 0.5) * grid.axial_step,
        grid.lateral_start - grid.lateral_step / 2,
        grid.lateral_start + (shape[1] - 0.5) * grid.lateral_step,
    )


def _remap(source: NDArray[Any], grid: Grid, frame: Frame, interpolation: int) -> NDArray[Any]:
    column, row = lookup(grid, frame)
    return np.asarray(
        cv2.remap(source, column, row, interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    )
