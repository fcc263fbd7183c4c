"""The parts of a result file that zea defines, under zea's names: strain in %, B-mode, places in metres.

Layout of zea 0.1.8, group tracks/track_0/data: strain_percentage_map and image, each with values
(pairs, rows, cols) and coordinates (rows, cols, 3), x, y, z in m. zea has no name for pairs of frames and
none for the standard deviation; these stand in the project's own arrays.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.headers import BmodeHeader, Grid

ZEA_VERSION: Final = "0.1.8"
DATA: Final = "tracks/track_0/data"
STRAIN: Final = f"{DATA}/strain_percentage_map"
IMAGE: Final = f"{DATA}/image"
_UNIT_AND_FILL: Final[dict[str, tuple[str, float]]] = {STRAIN: ("%", np.nan), IMAGE: ("grey level", 0)}


class ZeaMaps:
    """Writes strain in %, and B-mode where it is given, row by row into an open HDF5 file."""

    def __init__(self) -> None:
        self._grids: dict[str, Grid] = {}
        self._shown: list[int] = []

    def strain(self, file: Any, row: int, grid: Grid, strain: NDArray[Any]) -> None:
        """Write the strain of one pair, dimensionless."""
        values = (strain * np.float32(100)).astype(np.float32)
        self._write(file, STRAIN, row, grid, values)

    def image(self, file: Any, row: int, header: BmodeHeader, bmode: NDArray[Any]) -> None:
        """Write the B-mode image of the post frame, uint8; one of another grid than the first is left out."""
        grid = header.grid
        before = self._grids.get(IMAGE)
        if before is None or (before == grid and file[f"{IMAGE}/values"].shape[1:] == bmode.shape):
            self._write(file, IMAGE, row, grid, bmode)
            file[f"{IMAGE}/values"].attrs["dynamic_range_db"] = header.dynamic_range_db
            self._shown.append(row)

    def finish(self, file: Any, n_pairs: int) -> None:
        """Give every array one row per pair, and state places and times."""
        if not self._grids:
            return
        file.attrs["zea_version"] = ZEA_VERSION
        for name, grid in self._grids.items():
            values = file[f"{name}/values"]
            values.resize(n_pairs, axis=0)
            file[f"{name}/coordinates"] = coordinates(grid, values.shape[1], values.shape[2])
            file[f"{name}/coordinates"].attrs.update(unit="m", description="x, y, z of every value")
        if IMAGE in self._grids:
            held = np.zeros(n_pairs, bool)
            held[self._shown] = True
            file[f"{IMAGE}/held"] = held
            file[f"{IMAGE}/held"].attrs.update(unit="–", description="whether this row holds an image")

    def _write(self, file: Any, name: str, row: int, grid: Grid, values: NDArray[Any]) -> None:
        shape = values.shape
        if name not in self._grids:
            self._grids[name] = grid
            unit, fill = _UNIT_AND_FILL[name]
            made = file.create_dataset(
                f"{name}/values", (0, *shape), values.dtype, maxshape=(None, *shape), chunks=(1, *shape),
                compression="lzf", fillvalue=fill,
            )  # fmt: skip
            made.attrs.update(unit=unit, description="one map per pair, NaN or black: no value")
            file[f"{name}/unit"] = unit
        dataset = file[f"{name}/values"]
        dataset.resize(row + 1, axis=0)
        dataset[row] = values


def coordinates(grid: Grid, n_rows: int, n_cols: int) -> NDArray[np.float32]:
    """(rows, cols, 3): x across, y = 0, z below the middle of the probe's surface, m."""
    depth = (grid.axial_start + grid.axial_step * np.arange(n_rows))[:, None]
    across = (grid.lateral_start + grid.lateral_step * np.arange(n_cols))[None, :]
    if grid.probe_type == "linear":
        x, z = np.broadcast_arrays(across, depth)
    else:
        radius = grid.probe_radius
        x, z = (radius + depth) * np.sin(across), (radius + depth) * np.cos(across) - radius
    return np.stack([x, np.zeros_like(x), z], axis=-1).astype(np.float32)
