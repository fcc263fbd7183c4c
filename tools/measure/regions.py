"""Regions of an image: ellipses and rectangles by their middle and size in mm of the image plane."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamer.headers import Grid
from tools.errors import ToolError
from tools.geometry import cell_areas, cell_positions, to_beam

Millimetres = Annotated[float, Field(gt=-1e3, lt=1e3, allow_inf_nan=False)]
Size = Annotated[float, Field(gt=0, lt=1e3, allow_inf_nan=False)]


class Region(BaseModel):
    """One region; x is right of the probe's middle, z below the probe's surface at its middle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: Literal["ellipse", "rectangle"] = "ellipse"
    x: Millimetres
    z: Millimetres
    width: Size
    height: Size

    def mask(self, grid: Grid, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """(rows, cols), the cells whose centre lies inside."""
        x, z = cell_positions(grid, shape)
        u, v = 2 * (x - self.x) / self.width, 2 * (z - self.z) / self.height
        inside = u * u + v * v <= 1 if self.shape == "ellipse" else (abs(u) <= 1) & (abs(v) <= 1)
        return np.asarray(inside, np.bool_)

    def share_on(self, grid: Grid, shape: tuple[int, ...]) -> float:
        """Share of its area that lies on a map, 0-1; 1 where its whole outline does."""
        depth, lateral = to_beam(grid, *self._outline())
        rows = (depth - grid.axial_start) / grid.axial_step
        cols = (lateral - grid.lateral_start) / grid.lateral_step
        edges = np.minimum.reduce([rows, shape[0] - 1 - rows, cols, shape[1] - 1 - cols])
        if edges.min() >= -0.5 - 1e-6:  # half a cell, and rounding
            return 1.0
        area = self.width * self.height * (math.pi / 4 if self.shape == "ellipse" else 1.0)
        return min(1.0, float((cell_areas(grid, shape) * self.mask(grid, shape)).sum()) / area)

    def _outline(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        angle = np.linspace(0, 2 * math.pi, 65)
        across, down = np.cos(angle), np.sin(angle)
        if self.shape == "rectangle":  # the same rays, out to the square
            out = np.maximum(abs(across), abs(down))
            across, down = across / out, down / out
        return self.x + across * self.width / 2, self.z + down * self.height / 2

    def depth(self, grid: Grid) -> float:
        """mm from the probe's surface to its middle, along the beam."""
        return float(to_beam(grid, self.x, self.z)[0]) * 1e3

    def angle(self, grid: Grid) -> float:
        """Degrees of the beam through its middle; 0 of a linear probe."""
        lateral = float(to_beam(grid, self.x, self.z)[1])
        return 0.0 if grid.probe_type == "linear" else math.degrees(lateral)


class Regions(BaseModel):
    """Lesion A and reference B."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    a: Region
    b: Region


def parse_regions(text: str) -> Regions:
    """Regions from JSON text such as {"a": {"x": 0, "z": 20, "width": 8, "height": 8}, "b": {...}}.

    Raises ToolError with every mistake.
    """
    try:
        return Regions.model_validate_json(text)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'regions'}: {e['msg']}" for e in error.errors()
        )
        example: dict[str, Any] = {"shape": "ellipse", "x": 0, "z": 20, "width": 8, "height": 8}
        raise ToolError(
            f"regions cannot be read: {mistakes}; "
            f"give JSON in mm such as {json.dumps({'a': example, 'b': {**example, 'x': 12}})}"
        ) from error


def file_named(text_or_file: str | None) -> Path | None:
    """The file that `read_regions` reads; None where the text itself is JSON."""
    return None if text_or_file is None or text_or_file.lstrip().startswith("{") else Path(text_or_file)


def read_regions(text_or_file: str) -> Regions:
    """Regions from JSON text or from a file that holds it. Raises ToolError."""
    file = file_named(text_or_file)
    if file is None:
        return parse_regions(text_or_file)
    try:
        return parse_regions(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"cannot read {text_or_file}: {error}") from error
