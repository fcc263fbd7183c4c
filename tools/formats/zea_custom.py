"""What zea's layout has no place for, kept in its group `custom`, which is for that.

custom/musse_stream/{frame_index, t_acq, status, clock, orientation, steering_angles, assumed}: times are
int64 ns on `clock`, angles rad. zea lists the entries as custom elements and otherwise takes the frames as
neighbours in time.
"""

from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from tools.formats.recording import Recording

GROUP: Final = "custom/musse_stream"
_UNITS: Final = {"t_acq": "ns", "steering_angles": "rad"}
_DESCRIPTIONS: Final = {
    "frame_index": "Number of every frame; a jump means lost frames.",
    "t_acq": "Time of every frame.",
    "status": "OK, or why the scanner calls a frame unusable.",
    "clock": "What t_acq counts: unix, monotonic or device.",
    "orientation": "Which side of the probe the lines run to.",
    "steering_angles": "Angles that were compounded.",
    "assumed": "What was measured or assumed.",
}


def write_custom(file: Any, recording: Recording) -> None:
    """Add the group to an open file. Raises OSError."""
    acquisition = recording.acquisition
    entries: dict[str, Any] = {
        "frame_index": recording.frame_index.astype("<i8"),
        "t_acq": recording.t_acq.astype("<i8"),
        "status": list(recording.status),
        "clock": acquisition.clock,
        "orientation": acquisition.orientation,
        "steering_angles": np.array(acquisition.steering_angles, "<f8"),
        "assumed": list(acquisition.assumed),
    }
    group = file.create_group(GROUP)
    for name, value in entries.items():
        if len(value) == 0:
            continue
        group[name] = value
        group[name].attrs.update(unit=_UNITS.get(name, "-"), description=_DESCRIPTIONS[name])


class Custom:
    """The group of a file that may have none, or one of other frames since another program cut the file."""

    def __init__(self, file: Any, n_frames: int) -> None:
        found = file.get(GROUP)
        self._group: Any = found if isinstance(found, h5py.Group) else {}
        per_frame = [self._group[name] for name in ("frame_index", "t_acq", "status") if name in self._group]
        self.notes: tuple[str, ...] = ()
        """What of it is not used, for the header field `assumed`."""
        if any(getattr(entry, "shape", None) != (n_frames,) for entry in per_frame):
            self._group = {}
            self.notes = (f"frame_index: {GROUP} is of another number of frames, not used",)

    def integers(self, name: str) -> NDArray[np.int64] | None:
        """(n_frames,) int64, or None."""
        entry = self._dataset(name, 1)
        return None if entry is None or entry.dtype.kind not in "iu" else np.asarray(entry[()], np.int64)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Every text of a list, at most 200 characters each; None where there is none."""
        entry = self._dataset(name, 1)
        if entry is None or h5py.check_string_dtype(entry.dtype) is None:
            return None
        return tuple(str(text)[:200] for text in entry.asstr()[:])

    def text(self, name: str) -> str:
        """One text; empty where there is none."""
        entry = self._dataset(name, 0)
        if entry is None or h5py.check_string_dtype(entry.dtype) is None:
            return ""
        return str(entry.asstr()[()])

    def numbers(self, name: str) -> tuple[float, ...]:
        """The numbers of a list; empty where there is none."""
        entry = self._dataset(name, 1)
        return () if entry is None or entry.dtype.kind != "f" else tuple(map(float, entry[()]))

    def _dataset(self, name: str, ndim: int) -> Any:
        entry = self._group.get(name)
        return entry if isinstance(entry, h5py.Dataset) and entry.ndim == ndim else None
