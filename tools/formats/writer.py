"""Writing the project's own recordings, frame by frame, into an HDF5 file that appears only when complete.

Layout, format_version 1:
    attributes                     format = "musse-recording", format_version = 1, and every field of
                                   `RecordedAcquisition` under its own name
    rf                             (frames, n_axial, n_lateral), int16 or float32 (RF) or complex64 (IQ)
    t_acq                          (frames,) int64, ns on the clock of the attribute `clock`
    frame_index                    (frames,) int64, running number; a jump means lost frames
    status                         (frames,) text, 'OK' or why the scanner calls the frame unusable
    truth/NAME                     optional, (frames, ...) float32, such as axial_displacement; the group's
                                   attributes state unit, sign and grid
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tools.errors import RecordingError
from tools.formats.acquisition import RecordedAcquisition
from tools.part import PartFile, check_output, write_failure

FORMAT: Final = "musse-recording"
FORMAT_VERSION: Final = 1
_KIND_OF_DTYPE: Final = {"int16": "rf", "float32": "rf", "complex64": "iq"}


def write_recording(
    path: str | Path,
    acquisition: RecordedAcquisition,
    *,
    truth_attributes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> "RecordingWriter":
    """Begin a recording at `path`; the result is a context manager with `append`.

    The frames go to `path` + '.part', which takes the name `path` when the context ends without an error
    and is deleted when it ends with one. `truth_attributes` become attributes of the group `truth`.
    Raises RecordingError where `path` exists and `overwrite` is off, or where it cannot be written.
    """
    return RecordingWriter(
        Path(path), acquisition, truth_attributes=truth_attributes or {}, overwrite=overwrite
    )


class RecordingWriter:
    """A recording being written; made by `write_recording`. One thread."""

    def __init__(
        self,
        path: Path,
        acquisition: RecordedAcquisition,
        *,
        truth_attributes: Mapping[str, Any],
        overwrite: bool,
    ) -> None:
        check_output(path, overwrite=overwrite)
        self.path = path
        self.n_frames = 0
        self._acquisition = acquisition
        self._truth_attributes = dict(truth_attributes)
        self._truth_names: frozenset[str] = frozenset()
        self._last_index = -1
        self._part = PartFile(path, overwrite=overwrite)

    def append(
        self,
        samples: NDArray[Any],
        *,
        t_acq: int,
        frame_index: int | None = None,
        status: str = "OK",
        truth: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        """Write one frame, (n_axial, n_lateral) int16, float32 or complex64; copied before this returns.

        `t_acq` is in ns; `frame_index` counts on by itself unless given and must rise. `truth` holds named
        arrays of this frame, of one shape each, in every frame or in none. Raises RecordingError for a frame
        that differs from the first in shape, type or truth, and where the disk refuses.
        """
        index = self._last_index + 1 if frame_index is None else frame_index
        if index <= self._last_index:
            raise RecordingError(f"frame_index {index} after {self._last_index}: it must rise")
        truth = truth or {}
        if self.n_frames == 0:
            self._create(samples, truth)
        rf = self._file["rf"]
        if samples.shape != rf.shape[1:] or samples.dtype != rf.dtype:
            raise RecordingError(
                f"frame {index} is {samples.shape} {samples.dtype}, the recording {rf.shape[1:]} {rf.dtype}"
            )
        if truth.keys() != self._truth_names:
            raise RecordingError(
                f"frame {index} has truth {sorted(truth)}, the first one {sorted(self._truth_names)}"
            )
        rows: dict[str, Any] = {"rf": samples, "t_acq": t_acq, "frame_index": index, "status": status}
        rows |= {f"truth/{name}": np.asarray(value, np.float32) for name, value in truth.items()}
        try:
            for name, row in rows.items():
                dataset = self._file[name]
                dataset.resize(self.n_frames + 1, axis=0)
                dataset[self.n_frames] = row
        except (OSError, TypeError, ValueError) as error:
            self._part.check()
            raise RecordingError(f"{self.path}: frame {index} cannot be written: {error}") from error
        self._part.check()
        self.n_frames += 1
        self._last_index = index

    def _create(self, samples: NDArray[Any], truth: Mapping[str, ArrayLike]) -> None:
        kind = _KIND_OF_DTYPE.get(samples.dtype.name)
        if kind != self._acquisition.kind or samples.ndim != 2:
            raise RecordingError(
                f"a frame of {samples.dtype} {samples.shape} is not {self._acquisition.kind}: "
                "frames are (n_axial, n_lateral), int16 or float32 for rf, complex64 for iq"
            )
        self._add("rf", samples.shape, samples.dtype.newbyteorder("<"))
        self._add("t_acq", (), np.dtype("<i8"))
        self._file["t_acq"].attrs["unit"] = "ns"
        self._add("frame_index", (), np.dtype("<i8"))
        self._add("status", (), h5py.string_dtype())
        for name, value in truth.items():
            self._add(f"truth/{name}", np.shape(value), np.dtype("<f4"))
        if truth:
            self._file["truth"].attrs.update(self._truth_attributes)
        self._truth_names = frozenset(truth)

    def _add(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        # One chunk per frame: it is written whole and read whole; scalars would cost 2 kB of index each.
        chunk = (1, *shape) if shape else (1024,)
        self._file.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=chunk)

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open()
            self._describe()
        except BaseException as error:
            self._part.drop()
            if isinstance(error, OSError):
                raise write_failure(error, self.path) from error
            raise
        return self

    def _describe(self) -> None:
        self._file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION)
        for name, value in asdict(self._acquisition).items():
            if value == ():  # HDF5 has no empty list of text; absent means empty
                continue
            self._file.attrs[name] = list(value) if isinstance(value, tuple) else value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if self.n_frames == 0:
                    raise RecordingError(f"{self.path}: no frame to record")
                self._part.keep()
        finally:
            self._part.drop()  # nothing is left of it where it was kept
