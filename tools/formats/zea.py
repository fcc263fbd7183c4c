"""Reading zea's HDF5 (0.1 and the older layout without tracks): beamformed RF or IQ.

Depth and lines come from the coordinates of the samples: parallel lines are a linear probe, lines that meet
in one point a curved or phased one. zea compresses with a plug-in of HDF5, the package hdf5plugin.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from engine.spec import sampling_frequency_of
from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.formats.acquisition import PartialAcquisition
from tools.formats.arrays import nanoseconds
from tools.formats.contents import Contents, Layout
from tools.formats.names import scalar
from tools.formats.samples import handed_out_dtype
from tools.formats.zea_custom import Custom

_TRACK: Final = "tracks/track_0"
_CONSTANTS: Final = ("sampling_frequency", "center_frequency", "demodulation_frequency", "sound_speed")
_STRAIGHT: Final = 1e-3  # relative: how alike the steps of a regular grid are


def is_zea(file: Any) -> bool:
    """Whether an HDF5 file is laid out as zea does."""
    if "zea_version" in file.attrs or _TRACK in file:
        return True
    return "scan" in file and isinstance(file.get("data"), h5py.Group)


def read_zea(path: Path, layout: Layout) -> Contents:
    """The first track's beamformed data at `path`.

    Raises RecordingError where it holds channel data or images only, more than one plane, or samples that do
    not lie on beams.
    """
    with suppress(ImportError):
        import hdf5plugin  # noqa: F401 - registers the codec
    file = h5py.File(path, "r")
    try:
        return _contents(path, file)
    except BaseException:
        file.close()
        raise


def _contents(path: Path, file: Any) -> Contents:
    root = file.get(_TRACK, file)
    if len(file.get("tracks", ())) > 1:
        raise RecordingError(
            f"{path} has {len(file['tracks'])} tracks; write each into a file of its own with zea"
        )
    entry = root.get("data/beamformed_data")
    if entry is None:
        there = ", ".join(root.get("data", ())) or "nothing"
        raise RecordingError(
            f"{path} is a zea file without beamformed_data; it holds {there}. Channel data (raw_data, "
            "aligned_data) have to be beamformed first, with zea's pipeline; images are no RF"
        )
    group = entry if isinstance(entry, h5py.Group) else {}
    values = group["values"] if group else entry
    _check_codec(path, values)
    frames = _ZeaFrames(path, file, values)
    scan = root.get("scan", {})
    constants = {name: _single(scan.get(name)) for name in _CONSTANTS}
    stated: dict[str, Any] = {name: value for name, value in constants.items() if value is not None}
    initial = scan.get("initial_times")
    if initial is not None and initial.size:
        stated["initial_time"] = float(np.ravel(initial[()])[0])
    probe_type = scalar(file["probe/type"][()]) if "probe/type" in file else None
    if probe_type:
        stated["probe_type"] = probe_type
    if not frames.is_iq:
        stated.pop("demodulation_frequency", None)  # of its transmit, not of these samples
    notes = ["sampling_frequency: of the channel data"]
    if "coordinates" in group:
        places = np.asarray(group["coordinates"][()], np.float64)
        places = places[0] if places.ndim == 4 else places
        stated |= lines_of(path, places, stated.get("sound_speed", 1540.0))
        if probe_type == "phased" and stated["probe_type"] == "curved":
            stated["probe_type"] = "phased"
        notes = []
    custom = Custom(file, frames.n_frames)
    times = custom.integers("t_acq")
    if times is None and "timestamps" in group:
        times = nanoseconds(np.asarray(group["timestamps"][()], np.float64))
    return Contents(
        frames=frames,
        stated=PartialAcquisition(
            **stated,
            clock=custom.text("clock") or None,
            orientation=custom.text("orientation")[:16],
            steering_angles=custom.numbers("steering_angles"),
        ),
        t_acq=times,
        frame_index=custom.integers("frame_index"),
        status=_status(custom),
        notes=tuple(filter(None, (*(custom.texts("assumed") or ()), *custom.notes, *notes, frames.note))),
    )


def _status(custom: Custom) -> tuple[str, ...] | None:
    texts = custom.texts("status")
    return None if texts is None else tuple(text[:32] for text in texts)  # what a header has room for


def _check_codec(path: Path, dataset: Any) -> None:
    settings = dataset.id.get_create_plist()
    codecs = [settings.get_filter(number)[0] for number in range(settings.get_nfilters())]
    if not all(h5py.h5z.filter_avail(codec) for codec in codecs):
        raise RecordingError(
            f"{path} is compressed with a codec not installed here: pip install 'musse-stream[import]'"
        )


def lines_of(path: Path, places: NDArray[np.float64], sound_speed: float) -> dict[str, Any]:
    """Constants from where the samples lie, (n_axial, n_lateral, 3) in m: x across, z away from the probe.

    Raises RecordingError where columns are no straight, evenly spaced beams.
    """
    first, last = places[0], places[-1]
    along = last - first
    length = np.linalg.norm(along, axis=-1)
    step = float(length.mean()) / (places.shape[0] - 1)
    even = first[None] + np.linspace(0, 1, places.shape[0])[:, None, None] * along[None]
    if not (step > 0 and np.abs(places - even).max() < 0.1 * step and np.ptp(length) < 0.1 * step):
        raise RecordingError(f"{path}: its samples do not lie on straight, evenly sampled beams")
    angle = np.arctan2(along[:, 0], along[:, 2])
    stated: dict[str, Any] = {"sampling_frequency": sampling_frequency_of(step, sound_speed)}
    if np.ptp(angle) < _STRAIGHT:
        stated |= {
            "probe_type": "linear",
            "line_pitch": _pitch(path, first[:, 0]),
            "initial_time": 2.0 * float(first[:, 2].mean()) / sound_speed,
        }
        return stated
    # beams x = x0 + s sin(a), z = z0 + s cos(a) meet at the least-squares point
    normal = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)
    offset = (normal * first[:, [0, 2]]).sum(axis=-1)
    apex = np.linalg.lstsq(normal, offset, rcond=None)[0]
    distance = np.linalg.norm(first[:, [0, 2]] - apex, axis=-1)
    if np.ptp(distance) > 0.1 * step + 1e-6:
        raise RecordingError(f"{path}: its beams do not leave one arc")
    # the face of a curved probe touches z = 0 in its middle, so that its apex lies a radius above
    radius = max(0.0, -float(apex[1]))
    return stated | {
        "probe_type": "curved" if radius > 0.5e-3 else "phased",
        "probe_radius": radius if radius > 0.5e-3 else 0.0,
        "line_pitch": _pitch(path, angle),
        "initial_time": 2.0 * (float(distance.mean()) - (radius if radius > 0.5e-3 else 0.0)) / sound_speed,
    }


def _pitch(path: Path, places: NDArray[np.float64]) -> float:
    steps = np.diff(places)
    mean = float(steps.mean())
    if mean == 0 or np.abs(steps - mean).max() > 0.02 * abs(mean):
        raise RecordingError(f"{path}: its lines are not evenly spaced")
    return abs(mean)


def _single(dataset: Any) -> float | None:
    """A number, or the one that all transmits share."""
    if dataset is None:
        return None
    numbers = np.unique(np.asarray(dataset[()], np.float64))
    return float(numbers[0]) if numbers.size == 1 else None


class _ZeaFrames:
    """(n_frames, z, x, channels), one frame at a time."""

    def __init__(self, path: Path, file: Any, values: Any) -> None:
        if values.ndim != 4 or values.shape[-1] not in {1, 2}:
            raise RecordingError(
                f"{path}: beamformed_data has shape {values.shape}, not (frames, z, x, 1 or 2)"
            )
        self._path, self._file, self._values = path, file, values
        self.is_iq = values.shape[-1] == 2
        self.n_frames = int(values.shape[0])
        self.shape: tuple[int, int] = (int(values.shape[1]), int(values.shape[2]))
        own, self.note = handed_out_dtype(values.dtype)
        self.dtype = np.dtype(np.complex64) if self.is_iq else own

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        with naming_damage(self._path, f"zea file at frame {index}"):
            frame = self._values[index]
        if self.is_iq:
            return np.ascontiguousarray(frame.astype(np.float32)).view(np.complex64)[..., 0]
        return np.array(frame[..., 0], self.dtype, order="C")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
