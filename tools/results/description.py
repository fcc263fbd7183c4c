"""What a file of strain results holds, as `process` and `record` write it (see `tools.results.writer`)."""

from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.results.layout import FORMAT


def holds_results(path: Path) -> bool:
    """Whether `path` is an HDF5 or .npz file of strain results; False for all others, readable or not."""
    suffix = path.suffix.lower()
    if not path.is_file() or suffix not in {".h5", ".hdf5", ".npz"}:
        return False
    try:
        with naming_damage(path, "file of strain results"):
            if suffix == ".npz":
                with np.load(path, allow_pickle=False) as archive:
                    return "attribute_format" in archive.files and str(archive["attribute_format"]) == FORMAT
            with h5py.File(path, "r") as file:
                return bool(file.attrs.get("format") == FORMAT)
    except RecordingError:
        return False


def describe_results(path: Path) -> dict[str, Any]:
    """Everything about a result file but its maps, as plain JSON values; None stands for no value.

    Raises RecordingError for a file that `holds_results` denies or that is damaged.
    """
    with naming_damage(path, "file of strain results"):
        if path.suffix.lower() == ".npz":
            strain, maps, rejections, posts, attributes = _from_npz(path)
            return _described(path, strain, maps, rejections, posts, attributes=attributes)
        with h5py.File(path, "r") as file:
            rejections = list(file["rejection"].asstr()[:])
            maps = list(file["axial_strain"].shape[1:])
            posts = file["post_index"][:]
            return _described(
                path, file["mean_strain"][:], maps, rejections, posts, attributes=dict(file.attrs)
            )


def _described(
    path: Path,
    strain: NDArray[np.float64],
    maps: list[int],
    rejections: list[str],
    posts: NDArray[np.int64],
    *,
    attributes: dict[str, Any],
) -> dict[str, Any]:
    finite = strain[np.isfinite(strain)]
    return {
        "file": str(path),
        "pairs": len(rejections),
        "with_values": rejections.count(""),
        "rejections": dict(Counter(filter(None, rejections))),
        "map_shape": maps,
        "first_frame": int(posts.min()) if posts.size else None,
        "last_frame": int(posts.max()) if posts.size else None,
        "mean_strain_min": float(finite.min()) if finite.size else None,
        "mean_strain_max": float(finite.max()) if finite.size else None,
        "attributes": {name: np.asarray(value).item() for name, value in attributes.items()},
    }


def _from_npz(
    path: Path,
) -> tuple[NDArray[np.float64], list[int], list[str], NDArray[np.int64], dict[str, Any]]:
    """Mean strain, shape of the maps, rejections ('' for none), numbers of the post frames, attributes."""
    with np.load(path, allow_pickle=False) as archive:
        attributes = {
            name.removeprefix("attribute_"): archive[name]
            for name in archive.files
            if name.startswith("attribute_")
        }
        rejections = [str(reason) for reason in archive["rejection"]]
        maps = list(archive["axial_strain"].shape[1:])
        return archive["mean_strain"], maps, rejections, archive["post_index"], attributes
