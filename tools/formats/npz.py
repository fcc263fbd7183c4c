"""Reading NumPy's .npz and .npy; names and units of the arrays stand in `tools.formats.arrays`."""

import math
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.formats.arrays import contents_of
from tools.formats.contents import Contents, Layout
from tools.formats.damage import cut_note, results_instead
from tools.results.layout import FORMAT as RESULTS_FORMAT

LONGEST_HEADER: Final = 10_000  # bytes; NumPy's own limit


def read_npz(path: Path, layout: Layout) -> Contents:
    """The recording at `path`, all in memory. Pickled objects are never loaded, but noted.

    Raises RecordingError for a file that is damaged, or holds no RF.
    """
    if not zipfile.is_zipfile(path):
        raise RecordingError(
            f"{path} is not a readable .npz of plain arrays: it was cut, or it is another kind of file"
        )
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
        cut = _whole_frames(path, layout)
        if cut is not None:
            array, axis, note = cut
            return contents_of(path, {path.stem: array}, replace(layout, frame_axis=axis), notes=(note,))
        array = np.load(path, allow_pickle=False)
    return contents_of(path, {path.stem: array}, layout)


def _whole_frames(path: Path, layout: Layout) -> tuple[Any, int, str] | None:
    """Of a file that ends within its last frames: the whole ones, their axis, and a note; else None."""
    with path.open("rb") as file:
        shape, fortran, dtype = _header(file)
        present, start = path.stat().st_size - file.tell(), file.tell()
    axis = len(shape) - 1 if fortran else 0
    if len(shape) != 3 or dtype.hasobject or layout.frame_axis not in {None, axis} or 0 in shape:
        return None
    whole = present // (dtype.itemsize * math.prod(shape) // shape[axis])
    if not 0 < whole < shape[axis]:
        return None
    kept = (*shape[:axis], whole, *shape[axis + 1 :])
    array = np.memmap(path, dtype, "r", start, kept, "F" if fortran else "C")
    return array, axis, cut_note(whole, shape[axis])


def _holds_objects(archive: Any, name: str) -> bool:
    """Read from the header of the member, without its data."""
    with archive.zip.open(f"{name}.npy" if f"{name}.npy" in archive.zip.namelist() else name) as member:
        return bool(_header(member)[2].hasobject)


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first axis is fastest, and type of the .npy that begins here."""
    version = np.lib.format.read_magic(file)
    if version not in {(1, 0), (2, 0), (3, 0)}:  # the length of its header is no length
        raise ValueError(f"there is no version {version[0]}.{version[1]} of the format")
    old = version == (1, 0)
    if not old:  # NumPy takes memory for a header of any stated length before it looks at it
        length = int.from_bytes(file.read(4), "little")
        if length > LONGEST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        file.seek(-4, os.SEEK_CUR)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    return read(file)
