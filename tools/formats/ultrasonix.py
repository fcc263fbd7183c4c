"""Reading Ultrasonix .rf files: 19 int32 of header, then frames of int16, line by line.

Software before version 6 wrote a frame's number (int32) before every frame; the size of the file decides.
Header fields as in Ultrasonix's own reader RPread.m.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.damage import naming_damage
from tools.errors import RecordingError
from tools.formats.acquisition import PartialAcquisition
from tools.formats.contents import Contents, Layout

_FIELDS: Final = (
    "type", "frames", "w", "h", "ss", "ulx", "uly", "urx", "ury", "brx", "bry", "blx", "bly", "probe", "txf",
    "sf", "dr", "ld", "extra",
)  # fmt: skip
_HEADER: Final = np.dtype([(name, "<i4") for name in _FIELDS])
_RF: Final = 16


def read_ultrasonix(path: Path, layout: Layout) -> Contents:
    """The recording at `path`, frame by frame. Raises RecordingError for another type of data, or damage."""
    with naming_damage(path, "Ultrasonix file"):
        available = path.stat().st_size - _HEADER.itemsize
        if available < 0:
            raise RecordingError(f"{path} is too short for the header of an Ultrasonix file")
        header = {name: int(np.fromfile(path, _HEADER, 1)[name][0]) for name in _FIELDS}
        n_lines, n_samples, n_frames = header["w"], header["h"], header["frames"]
        if header["type"] != _RF or header["ss"] != 16 or min(n_lines, n_samples, n_frames) < 1:
            raise RecordingError(
                f"{path} is no Ultrasonix RF, which is type {_RF} and 16 bits: its header states type "
                f"{header['type']}, {header['ss']} bits, {n_frames} frames of {n_samples} x {n_lines}"
            )
        plain = 2 * n_lines * n_samples
        tag = 4 if available == n_frames * (plain + 4) else 0
        whole = min(n_frames, available // (plain + tag))
        if whole < 1:
            raise RecordingError(f"{path} ends within its first frame")
        frames = _RfFrames(path, (n_samples, n_lines), plain, tag=tag)
        frames.n_frames = whole
    notes = []
    if frames.n_frames < n_frames:
        notes.append(f"frames: {frames.n_frames} whole ones in the file, its header describes {n_frames}")
    names = {"sampling_frequency": "sf", "center_frequency": "txf", "frame_rate": "dr"}
    stated: dict[str, Any] = {field: float(header[name]) for field, name in names.items() if header[name] > 0}
    return Contents(frames=frames, stated=PartialAcquisition(**stated), notes=tuple(notes))


class _RfFrames:
    """Frames read by position, turned so that rows are depth."""

    n_frames = 0

    def __init__(self, path: Path, shape: tuple[int, int], frame_bytes: int, *, tag: int) -> None:
        self._path, self._stride, self._tag = path, frame_bytes + tag, tag
        self._stream = path.open("rb")
        self.shape = shape
        self.dtype = np.dtype(np.int16)

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        n_samples, n_lines = self.shape
        with naming_damage(self._path, f"Ultrasonix file at frame {index}"):
            self._stream.seek(_HEADER.itemsize + index * self._stride + self._tag)
            lines = np.fromfile(self._stream, "<i2", n_samples * n_lines)
        return np.array(lines.reshape(n_lines, n_samples).T, self.dtype, order="C")

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
