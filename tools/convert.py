"""One recording into another format, frame by frame."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats import Recording, write_recording
from tools.formats.metaimage_writer import MetaImageWriter
from tools.formats.zea_writer import ZeaWriter

Layout = Literal["musse", "zea"]
SUFFIXES: Final = (".h5", ".hdf5", ".mha")


class FrameSink(Protocol):
    """Takes the frames of one recording in order."""

    def append(self, samples: NDArray[Any], index: int) -> None:
        """Write frame `index`, (n_axial, n_lateral)."""
        ...


def convert(
    recording: Recording,
    output: Path,
    *,
    layout: Layout = "musse",
    overwrite: bool = False,
    each: Callable[[], None] = lambda: None,
) -> int:
    """Write every frame of `recording` to `output`; returns how many there were.

    The suffix says the format: .mha, or .h5 and .hdf5 in the project's own layout or in zea's. `each` is
    called behind every frame. Raises RecordingError where the output exists, is the recording itself, has
    another suffix or cannot be written; nothing is left of it then.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise RecordingError(f"{output}: recordings are written as {', '.join(SUFFIXES)}")
    if output.exists() and output.samefile(recording.path):
        raise RecordingError(f"{output} is the recording itself: choose another name")
    if output.exists() and not overwrite:
        raise RecordingError(f"{output} exists: choose another name, or give --overwrite")
    with _sink(recording, output, layout, overwrite=overwrite) as sink:
        for index in range(recording.n_frames):
            sink.append(recording.frame(index), index)
            each()
    return recording.n_frames


def _sink(
    recording: Recording, output: Path, layout: Layout, *, overwrite: bool
) -> AbstractContextManager[FrameSink]:
    if output.suffix.lower() == ".mha":
        return MetaImageWriter(output, recording)
    if layout == "zea":
        return ZeaWriter(output, recording)
    return _OwnSink(recording, output, overwrite=overwrite)


class _OwnSink(AbstractContextManager["_OwnSink"]):
    """The project's own HDF5, with times, numbers, states and known motion."""

    def __init__(self, recording: Recording, output: Path, *, overwrite: bool) -> None:
        self._recording = recording
        truth = recording.truth.attributes if recording.truth else {}
        self._writer = write_recording(
            output, recording.acquisition, truth_attributes=truth, overwrite=overwrite
        )

    def append(self, samples: NDArray[Any], index: int) -> None:
        recording = self._recording
        self._writer.append(
            samples,
            t_acq=int(recording.t_acq[index]),
            frame_index=int(recording.frame_index[index]),
            status=recording.status[index],
            truth=recording.truth.read(index) if recording.truth else None,
        )

    def __enter__(self) -> "_OwnSink":
        self._writer.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._writer.__exit__(*failure)
