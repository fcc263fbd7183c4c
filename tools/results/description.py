"""What a file of strain results holds, as `process` and `record` write it (see `tools.results.writer`)."""

from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tools.errors import RecordingError
from tools.results.layout import FORMAT
from tools.results.pairs import read_pairs


def holds_results(path: Path) -> bool:
    """Whether `path` is an HDF5 file of strain results; False for everything else, readable or not."""
    if path.suffix.lower() not in {".h5", ".hdf5"} or not path.is_file():
        return False
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except OSError:
        return False


def describe_results(path: Path) -> dict[str, Any]:
    """Everything about a result file but its maps, as plain JSON values; None stands for no value.

    Raises RecordingError for a file that `holds_results` denies or that is damaged.
    """
    pairs, attributes = read_pairs(path)
    try:
        with h5py.File(path, "r") as file:
            strain = file["mean_strain"][:]
            maps = list(file["axial_strain"].shape[1:])
    except (OSError, KeyError) as error:
        raise RecordingError(f"{path} cannot be read as strain results: {error}") from error
    known = strain[np.isfinite(strain)]
    return {
        "file": str(path),
        "pairs": len(pairs),
        "with_values": sum(pair.rejection is None for pair in pairs),
        "rejections": dict(Counter(pair.rejection for pair in pairs if pair.rejection is not None)),
        "map_shape": maps,
        "mean_strain_min": float(known.min()) if known.size else None,
        "mean_strain_max": float(known.max()) if known.size else None,
        "attributes": {name: np.asarray(value).item() for name, value in attributes.items()},
    }
