"""Reading NRRD (.nrrd, and .nhdr with its data file) through the package pynrrd.

The header's `kinds` state which axis lists the frames and which holds I and Q; the beam is found by its
carrier. Spacing is in mm unless `space units` or `units` state otherwise; other constants come from its
key/value pairs.
"""

import gzip
import io
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import nrrd
import numpy as np

from tools.damage import naming_damage
from tools.formats.arrays import contents_of
from tools.formats.axes import SampleFrames
from tools.formats.contents import Contents, Layout
from tools.formats.damage import cut_note, named_beside
from tools.formats.spacing import plausible_spacing

_FRAME_KINDS: Final = frozenset({"list", "time"})
_IQ_KINDS: Final = frozenset({"complex", "2-vector"})
_IN_MM: Final = {"mm": 1.0, "cm": 10.0, "m": 1e3, "um": 1e-3, "µm": 1e-3}


def read_nrrd(path: Path, layout: Layout) -> Contents:
    """The recording at `path`, all in memory. Raises RecordingError for damage, and where there is no RF."""
    with naming_damage(path, "NRRD file"):
        data, header, cut = _read(path)
    kinds = [str(kind).lower() for kind in header.get("kinds", [])] or [""] * data.ndim
    steps = _steps_in_mm(header, data.ndim)
    kept = [axis for axis, kind in enumerate(kinds) if kind not in _IQ_KINDS]
    is_iq = data.dtype.kind == "c" or len(kept) < data.ndim
    if len(kept) > 3:  # axes of length one do not count then
        kept = [axis for axis in kept if data.shape[axis] > 1]
    frame_axes = [number for number, axis in enumerate(kept) if kinds[axis] in _FRAME_KINDS]
    if layout.frame_axis is None and len(frame_axes) == 1 and len(kept) == 3:
        layout = replace(layout, frame_axis=frame_axes[0])
    constants = {str(name): value for name, value in header.items() if isinstance(value, str)}
    if cut:
        layout = replace(layout, frame_axis=len(kept) - 1)  # whole ones along the slowest axis
    contents = contents_of(path, {**constants, "iq" if is_iq else "rf": data}, layout, notes=cut)
    frames = contents.frames
    if not isinstance(frames, SampleFrames):  # it always is
        return contents
    axial, lateral = (steps[kept[axis]] for axis in (frames.roles.axial, frames.roles.lateral))
    axial_m, lateral_m = plausible_spacing(axial, lateral)
    return replace(contents, axial_spacing=axial_m, lateral_spacing=lateral_m)


def _read(path: Path) -> tuple[Any, Any, tuple[str, ...]]:
    """Samples, header, and a note where the file ends within a frame: then the whole frames before it."""
    with path.open("rb") as file:
        described = nrrd.read_header(file)
    for key in ("data file", "datafile"):
        if key in described:
            named_beside(path, str(described[key]))
    try:
        return *nrrd.read(str(path), index_order="F"), ()
    except Exception:
        cut = _whole_frames(path)
        if cut is None:
            raise
        return cut


def _whole_frames(path: Path) -> tuple[Any, Any, tuple[str, ...]] | None:
    with path.open("rb") as file:
        header = nrrd.read_header(file)
        rest = file.read()
    sizes, encoding = [int(size) for size in header["sizes"]], header["encoding"].lower()
    width = _width(str(header["type"]))
    if {"data file", "datafile"} & header.keys() or not width or encoding not in {"raw", "gzip", "gz"}:
        return None
    if encoding != "raw":
        rest = zlib.decompressobj(wbits=47).decompress(rest)
    frame = width * int(np.prod(sizes[:-1]))
    whole = len(rest) // frame if len(sizes) > 2 else 0
    if not 0 < whole < sizes[-1]:
        return None
    shorter = {**header, "sizes": np.array([*sizes[:-1], whole]), "encoding": "gzip"}
    packed = io.BytesIO(gzip.compress(rest[: whole * frame], compresslevel=0))
    return nrrd.read_data(shorter, packed, index_order="F"), header, (cut_note(whole, sizes[-1]),)


def _width(kind: str) -> int:
    """Bytes of one sample of a NRRD type, in any of its spellings; 0 of a block."""
    widths = (("char|8", 1), ("short|16", 2), ("long ?long|64|double", 8), ("int|32|float", 4))
    return next((width for words, width in widths if re.search(words, kind)), 0)


def _steps_in_mm(header: Any, n_dims: int) -> list[float]:
    """Spacing of every axis in mm; 0 where the header states none."""
    steps = [0.0] * n_dims
    if "space directions" in header:
        rows = [
            np.atleast_1d(np.asarray(row, float)) if row is not None else np.zeros(1)
            for row in header["space directions"]
        ]
        steps = [float(np.sqrt(np.nansum(row**2))) for row in rows]
        units = list(header.get("space units", []))[:1] * n_dims
    else:
        spacings = np.asarray(header.get("spacings", steps), float)
        steps = [float(step) if np.isfinite(step) else 0.0 for step in spacings]
        units = list(header.get("units", []))
    factors = [_IN_MM.get(str(unit).strip('"'), 1.0) for unit in units] or [1.0] * n_dims
    return [step * factor for step, factor in zip(steps, factors, strict=False)]
