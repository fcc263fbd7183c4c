"""What a file of strain results holds, as `process` and `record` write it (see `tools.results.writer`)."""

from collections import Counter
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.results.layout import FORMAT


def holds_results(path: Path) -> bool:
    """Whether `path` is an HDF5 or .npz file of strain results; False for all others, readable or not."""
    suffix = path.suffix.lower()
    if not path.is_file() or suffix not in {".h5", ".hdf5", ".npz"}:
        return False
    try:
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return "attribute_format" in archive.files and str(archive["attribute_format"]) == FORMAT
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except (OSError, ValueError, EOFError, BadZipFile):
        return False


def describe_results(path: Path) -> dict[str, Any]:
    """Everything about a result file but its maps, as plain JSON values; None stands for no value.

    Raises RecordingError for a file that `holds_results` denies or that is damaged.
    """
    try:
        if path.suffix.lower() == ".npz":
            strain, maps, rejections, attributes = _from_npz(path)
        else:
            with h5py.File(path, "r") as file:
                attributes = dict(file.attrs)
                rejections = list(file["rejection"].asstr()[:])
                strain = file["mean_strain"][:]
                maps = list(file["axial_strain"].shape[1:])
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise RecordingError(f"{path} cannot be read as strain results: {error}") from error
    finite = strain[np.isfinite(strain)]
    return {
        "file": str(path),
        "pairs": len(rejections),
        "with_values": rejections.count(""),
        "rejections": dict(Counter(filter(None, rejections))),
        "map_shape": maps,
        "mean_strain_min": float(finite.min()) if finite.size else None,
        "mean_strain_max": float(finite.max()) if finite.size else None,
        "attributes": {name: np.asarray(value).item() for name, value in attributes.items()},
    }


def _from_npz(path: Path) -> tuple[NDArray[np.float64], list[int], list[str], dict[str, Any]]:
    """Mean strain, shape of the maps, rejections ('' for none) and attributes."""
    with np.load(path, allow_pickle=False) as archive:
        attributes = {
            name.removeprefix("attribute_"): archive[name]
            for name in archive.files
            if name.startswith("attribute_")
        }
        rejections = [str(reason) for reason in archive["rejection"]]
        return archive["mean_strain"], list(archive["axial_strain"].shape[1:]), rejections, attributes
