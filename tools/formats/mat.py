"""Reading MATLAB's .mat of every version; names and units of its arrays stand in `tools.formats.arrays`."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from tools.damage import naming_damage
from tools.formats.arrays import contents_of
from tools.formats.contents import Contents, Layout
from tools.formats.tree import from_elements


def read_mat(path: Path, layout: Layout) -> Contents:
    """The recording at `path`; all in memory up to version 7, frame by frame from version 7.3 (HDF5 within).

    Raises RecordingError for a damaged file, and where there is no RF.
    """
    with naming_damage(path, "MATLAB file"):
        with path.open("rb") as stream:
            first = stream.read(128)
        if first.startswith((b"MATLAB 7.3", b"\x89HDF")):
            from tools.formats.hdf5_tree import read_hdf5_tree

            return read_hdf5_tree(path, layout)
        with _WithinSize(path) as stream:
            # a stream is allowed, whatever the types state
            variables = loadmat(stream, chars_as_strings=True)  # type: ignore[arg-type]
    tree = {name: _value(value) for name, value in variables.items() if not name.startswith("__")}
    return contents_of(path, tree, layout)


class _WithinSize(io.FileIO):
    """A file that is never asked for more than it holds: Python takes memory for what is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._size = path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def _value(value: Any) -> Any:
    """A struct as a mapping, a cell array by its elements, anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value if isinstance(value, str | int | float) else None  # sparse matrices hold no samples
    if value.dtype.names:
        elements = [
            {name: _value(element[name]) for name in value.dtype.names}
            for element in value.reshape(-1, order="F")
        ]
        return from_elements(elements) if elements else {}
    if value.dtype.kind == "O":
        return (
            from_elements([_value(element) for element in value.reshape(-1, order="F")]) if value.size else {}
        )
    if value.dtype.kind == "U":
        return str(value.reshape(-1)[0]) if value.size else ""
    return value
