"""Reading the project's own HDF5 recordings; their layout stands in `tools.formats.writer`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS, PartialAcquisition
from tools.formats.contents import Contents, Layout, Truth
from tools.formats.damage import results_instead
from tools.formats.hdf5_links import refuse_other_files
from tools.formats.hdf5_tree import read_hdf5_tree
from tools.formats.names import scalar
from tools.formats.samples import handed_out_dtype
from tools.formats.uff import is_uff, read_uff
from tools.formats.writer import FORMAT, FORMAT_VERSION
from tools.formats.zea import is_zea, read_zea
from tools.results.layout import FORMAT as RESULTS_FORMAT

_TEXT_FIELDS = ("probe_type", "clock", "orientation")
_NUMBER_FIELDS = tuple(
    name for name in OPTIONS if name not in {"probe_type", "axes", "frame_axis", "variable"}
)


def read_hdf5(path: Path, layout: Layout) -> Contents:
    """The recording at `path`: the project's own, zea's, UFF's, or the arrays another program wrote.

    Frames are read one by one when asked for. Raises RecordingError for a file that is no HDF5, no recording,
    or of a newer version.
    """
    with naming_damage(path, "HDF5 file"):
        with h5py.File(path, "r") as file:
            reader = _reader(path, file)
            if reader is not read_hdf5_tree:  # which leaves them out
                refuse_other_files(path, file)
        return reader(path, layout)


def _reader(path: Path, file: Any) -> Callable[[Path, Layout], Contents]:
    """The reader for what the file states it is."""
    kind = scalar(file.attrs.get("format"))
    if kind == RESULTS_FORMAT:
        raise results_instead(path)
    if kind == FORMAT:
        return _read_own
    if is_zea(file):
        return read_zea
    if is_uff(file):
        return read_uff
    return read_hdf5_tree


def _read_own(path: Path, layout: Layout) -> Contents:
    file = h5py.File(path, "r")
    try:
        return _contents(path, file)
    except BaseException:
        file.close()
        raise


def _contents(path: Path, file: Any) -> Contents:
    attributes = file.attrs
    version = scalar(attributes.get("format_version"))
    if version != FORMAT_VERSION:
        raise RecordingError(f"{path} has format_version {version}; this release reads {FORMAT_VERSION}")
    frames = HdfFrames(path, file)
    per_frame = {name: _column(path, file, name, frames.n_frames) for name in ("t_acq", "frame_index")}
    stated = {
        name: scalar(attributes[name]) for name in (*_NUMBER_FIELDS, *_TEXT_FIELDS) if name in attributes
    }
    if "steering_angles" in attributes:
        stated["steering_angles"] = tuple(float(angle) for angle in attributes["steering_angles"])
    return Contents(
        frames=frames,
        stated=PartialAcquisition(**stated),
        t_acq=per_frame["t_acq"],
        frame_index=per_frame["frame_index"],
        status=_status(path, file, frames.n_frames),
        notes=(*(str(text) for text in attributes.get("assumed", ())), *filter(None, [frames.note])),
        carrier_required=False,
        truth=_truth(path, file, frames.n_frames),
    )


class HdfFrames:
    """Frames of the dataset `rf`, read when asked for."""

    def __init__(self, path: Path, file: Any) -> None:
        dataset = file.get("rf")
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 3:
            raise RecordingError(f"{path} has no dataset rf of (frames, n_axial, n_lateral)")
        self._path, self._file, self._dataset = path, file, dataset
        self.n_frames = int(dataset.shape[0])
        self.shape: tuple[int, int] = (int(dataset.shape[1]), int(dataset.shape[2]))
        self.dtype, self.note = handed_out_dtype(dataset.dtype)

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        with naming_damage(self._path, f"HDF5 recording at frame {index}"):
            return np.asarray(self._dataset[index], self.dtype)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _column(path: Path, file: Any, name: str, n_frames: int) -> NDArray[np.int64] | None:
    if name not in file:
        return None
    column = file[name][:]
    if column.shape != (n_frames,) or column.dtype.kind not in "iu":
        raise RecordingError(
            f"{path}: {name} is {column.shape} {column.dtype}, not one integer for each of {n_frames} frames"
        )
    return np.asarray(column, np.int64)


def _status(path: Path, file: Any, n_frames: int) -> tuple[str, ...] | None:
    if "status" not in file:
        return None
    status = tuple(text[:32] for text in file["status"].asstr()[:])  # what a header has room for
    if len(status) != n_frames:
        raise RecordingError(f"{path}: {len(status)} entries of status for {n_frames} frames")
    return status


def _truth(path: Path, file: Any, n_frames: int) -> Truth | None:
    group = file.get("truth")
    if not isinstance(group, h5py.Group):
        return None
    datasets = {name: item for name, item in group.items() if isinstance(item, h5py.Dataset)}
    for name, dataset in datasets.items():
        if dataset.shape[:1] != (n_frames,):
            raise RecordingError(f"{path}: truth/{name} has shape {dataset.shape} for {n_frames} frames")
    return Truth(datasets, group.attrs)
