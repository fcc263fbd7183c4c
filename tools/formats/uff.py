"""Reading UFF (the Ultrasound File Format of USTB): `uff.beamformed_data` on a linear or a sector scan.

Pixels run down a line first, then to the next line. MATLAB writes the axes the other way round than Python,
so the axis of the pixels is found by its length. Complex numbers are groups of `real` and `imag`.
"""

from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.formats.acquisition import PartialAcquisition
from tools.formats.contents import Contents, Layout
from tools.formats.samples import handed_out_dtype
from tools.formats.zea import lines_of

_KIND: Final = "uff.beamformed_data"


def is_uff(file: Any) -> bool:
    """Whether an HDF5 file holds objects of UFF."""
    return any(_class(item).startswith("uff.") for item in file.values() if isinstance(item, h5py.Group))


def read_uff(path: Path, layout: Layout) -> Contents:
    """The beamformed data at `path`; --variable names one of several.

    Raises RecordingError where there is none, or its scan is no set of beams.
    """
    file = h5py.File(path, "r")
    try:
        return _contents(path, file, layout.variable)
    except BaseException:
        file.close()
        raise


def _contents(path: Path, file: Any, wanted: str | None) -> Contents:
    objects = {name: _class(item) for name, item in file.items() if isinstance(item, h5py.Group)}
    found = [name for name, kind in objects.items() if kind == _KIND and wanted in {None, name}]
    if len(found) != 1:
        there = ", ".join(f"{name} ({kind})" for name, kind in objects.items())
        remedy = "name one with --variable" if found else "beamform channel data first, with USTB or zea"
        raise RecordingError(
            f"{path} has {'more than one' if found else 'no'} {_KIND}{f' {wanted}' if wanted else ''}; "
            f"it holds {there}: {remedy}"
        )
    entry = file[found[0]]
    scan = entry.get("scan")
    if not isinstance(scan, h5py.Group):
        raise RecordingError(f"{path}: {found[0]} has no scan, so nothing states where its samples lie")
    places = _places(path, scan)
    stated: dict[str, Any] = lines_of(path, places, 1540.0)
    frames = _UffFrames(path, file, entry["data"], places.shape[:2])
    for field, name in (("center_frequency", "pulse/center_frequency"), ("frame_rate", "frame_rate")):
        number = _number(entry, name)
        if number:
            stated[field] = number
    modulation = _number(entry, "modulation_frequency")
    if frames.dtype.kind == "c" and not modulation:
        frames.real_part = True  # analytic RF: its real part is what was received
        frames.dtype = np.dtype(np.float32)
    elif frames.dtype.kind == "c":
        stated["demodulation_frequency"] = modulation
    note = "samples: the real part of analytic RF" if frames.real_part else frames.note
    return Contents(frames=frames, stated=PartialAcquisition(**stated), notes=(note,) if note else ())


def _places(path: Path, scan: Any) -> NDArray[np.float64]:
    """Where the samples lie, (n_axial, n_lateral, 3) in m."""
    if "x_axis" in scan:
        x, z = _axis(scan, "x_axis"), _axis(scan, "z_axis")
        grid = np.meshgrid(x, z)
        return np.stack([grid[0], np.zeros_like(grid[0]), grid[1]], axis=-1)
    if "azimuth_axis" in scan:
        azimuth, depth = _axis(scan, "azimuth_axis"), _axis(scan, "depth_axis")
        origin = scan.get("origin", scan.get("apex"))
        start = _cartesian(origin) if origin is not None else np.zeros(3)
        x = start[0] + depth[:, None] * np.sin(azimuth)
        z = start[2] + depth[:, None] * np.cos(azimuth)
        return np.stack([x, np.zeros_like(x), z], axis=-1)
    raise RecordingError(f"{path}: its scan is {_class(scan)}; beams are a linear_scan or a sector_scan")


def _cartesian(point: Any) -> NDArray[np.float64]:
    """(x, y, z) of a uff.point, which is a distance and two angles."""
    distance, azimuth, elevation = (_number(point, n) or 0.0 for n in ("distance", "azimuth", "elevation"))
    return np.array(
        [
            distance * np.sin(azimuth) * np.cos(elevation),
            distance * np.sin(elevation),
            distance * np.cos(azimuth) * np.cos(elevation),
        ]
    )


class _UffFrames:
    """Pixels of one wave and one channel, a frame at a time."""

    real_part = False

    def __init__(self, path: Path, file: Any, data: Any, shape: tuple[int, ...]) -> None:
        self._path, self._file = path, file
        self._parts = [data["real"], data["imag"]] if isinstance(data, h5py.Group) else [data]
        self.shape: tuple[int, int] = (shape[0], shape[1])
        stored = self._parts[0].shape
        pixels = [axis for axis, n in enumerate(stored) if n == shape[0] * shape[1]]
        if len(pixels) != 1 or pixels[0] not in {0, len(stored) - 1}:
            raise RecordingError(f"{path}: data of shape {stored} do not fit {shape[0]} x {shape[1]} pixels")
        self._pixels_first = pixels[0] == 0
        others = stored[1:] if self._pixels_first else stored[:-1][::-1]  # channel, wave, frame
        others = (*others, 1, 1, 1)[:3]
        if others[0] != 1 or others[1] != 1:
            raise RecordingError(
                f"{path}: {others[0]} channels and {others[1]} waves per pixel: sum or compound them first"
            )
        self.n_frames = int(others[2])
        own, self.note = handed_out_dtype(self._parts[0].dtype)
        self.dtype = np.dtype(np.complex64) if len(self._parts) == 2 else own

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        with naming_damage(self._path, f"UFF file at frame {index}"):
            values = [self._column(part, index) for part in self._parts]
        whole = values[0] if len(values) == 1 or self.real_part else values[0] + 1j * values[1]
        n_axial, n_lateral = self.shape
        return np.ascontiguousarray(whole.reshape(n_lateral, n_axial).T, self.dtype)

    def _column(self, dataset: Any, index: int) -> NDArray[Any]:
        key: tuple[int | slice, ...] = (slice(None), 0, 0, index)[
            : dataset.ndim
        ]  # pixel, channel, wave, frame
        return np.ravel(dataset[key if self._pixels_first else key[::-1]])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _axis(scan: Any, name: str) -> NDArray[np.float64]:
    return np.ravel(np.asarray(scan[name][()], np.float64))


def _number(group: Any, name: str) -> float | None:
    item = group.get(name)
    return float(np.ravel(item[()])[0]) if isinstance(item, h5py.Dataset) and item.size == 1 else None


def _class(item: Any) -> str:
    value = item.attrs.get("class", "")
    return value.decode() if isinstance(value, bytes) else str(value)
