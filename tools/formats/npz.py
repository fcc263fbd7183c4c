"""Reading NumPy's .npz and .npy; names and units of the arrays stand in `tools.formats.arrays`."""

from pathlib import Path
from typing import Any

import numpy as np

from tools.errors import RecordingError
from tools.formats.arrays import contents_of
from tools.formats.contents import Contents, Layout
from tools.formats.damage import naming_damage, results_instead
from tools.results.layout import FORMAT as RESULTS_FORMAT


def read_npz(path: Path, layout: Layout) -> Contents:
    """The recording at `path`, all in memory. Pickled objects are never loaded, but noted.

    Raises RecordingError for a file that is damaged, or holds no RF.
    """
    arrays: dict[str, Any] = {}
    objects: list[str] = []
    with naming_damage(path, ".npz of plain arrays"), np.load(path, allow_pickle=False) as archive:
        for name in archive.files:
            if _holds_objects(archive, name):
                objects.append(name)
            else:
                arrays[name] = archive[name]
    if str(arrays.get("attribute_format", "")) == RESULTS_FORMAT:
        raise results_instead(path)
    if objects and not arrays:
        raise RecordingError(
            f"{path} is no .npz of plain arrays: {', '.join(objects)} holds Python objects, which are never "
            "unpickled. Save numbers"
        )
    return contents_of(
        path, arrays, layout, notes=tuple(f"{name}: Python objects, left alone" for name in objects)
    )


def read_npy(path: Path, layout: Layout) -> Contents:
    """The one array at `path`, named after the file."""
    with naming_damage(path, ".npy of plain numbers"):
        array = np.load(path, allow_pickle=False)
    return contents_of(path, {path.stem: array}, layout)


def _holds_objects(archive: Any, name: str) -> bool:
    """Read from the header of the member, without its data."""
    with archive.zip.open(f"{name}.npy" if f"{name}.npy" in archive.zip.namelist() else name) as member:
        version = np.lib.format.read_magic(member)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        dtype = read(member)[2]
    return bool(dtype.hasobject)
