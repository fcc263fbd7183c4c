"""What goes to a browser: one JSON object and float32 or uint8 arrays, in one binary WebSocket message.

    uint32 length of the JSON (little-endian) | JSON, padded with spaces to a multiple of 4 | arrays

The JSON's `arrays` lists name, dtype, shape and byte offset behind the JSON of each array; offsets are
multiples of 4, so that a browser can view them without copying.
"""

import json
import math
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import Grid
from tools.geometry import Frame, extent_of, fit, lookup, mark_at_right, oblique_lines

RASTER: Final = 560  # px, larger side of the raster that images are drawn on before the screen scales them
_DTYPES: Final = {np.dtype(np.float32): "f4", np.dtype(np.uint8): "u1"}


def pack(fields: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    """One message. NaN among `fields` becomes null; arrays are float32 or uint8."""
    entries, parts, offset = [], [], 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).tobytes()
        entries.append({"name": name, "dtype": _DTYPES[array.dtype], "shape": array.shape, "offset": offset})
        parts.append(data + bytes(-len(data) % 4))
        offset += len(parts[-1])
    text = json.dumps({**finite(fields), "arrays": entries}, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *parts])


def finite(value: Any) -> Any:
    """The same without NaN and infinity, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Geometry:
    """The raster on which both images of one acquisition lie."""

    strain: tuple[Grid, tuple[int, ...]] | None
    bmode: tuple[Grid, tuple[int, ...]] | None
    flip: bool

    @property
    def frame(self) -> Frame:
        """The raster; its `extent` is in mm."""
        parts = [part for part in (self.strain, self.bmode) if part is not None]
        return fit(extent_of(parts), 0, 0, RASTER, RASTER, flip=self.flip)

    def fields(self) -> dict[str, Any]:
        """Size and place of the raster, and the beams beyond which beams are oblique, in mm."""
        frame = self.frame
        extent = frame.extent
        grid = next(part[0] for part in (self.strain, self.bmode) if part is not None)
        return {
            "width": frame.width,
            "height": frame.height,
            "scale": frame.scale,
            "left": extent.left,
            "right": extent.right,
            "top": extent.top,
            "bottom": extent.bottom,
            "flip": self.flip,
            "mark": grid.mark,
            "mark_at_right": mark_at_right(grid, flip=self.flip),
            "oblique": [] if self.strain is None else [beam.tolist() for beam in oblique_lines(*self.strain)],
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Fractional column and row of each map under every pixel: scan conversion as a table."""
        frame = self.frame
        arrays: dict[str, NDArray[Any]] = {}
        for name, part in (("strain", self.strain), ("bmode", self.bmode)):
            if part is not None:
                column, row = lookup(part[0], frame)
                arrays |= {f"{name}_column": column, f"{name}_row": row}
        return arrays
