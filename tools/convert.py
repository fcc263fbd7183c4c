"""One recording into another format, frame by frame; a tape into result files or recordings."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from numpy.typing import NDArray

from streamer.headers import ORIENTATION
from tools.errors import RecordingError
from tools.formats import Recording, open_recording, write_recording
from tools.formats.metaimage_writer import MetaImageWriter
from tools.formats.tape import taped_acquisitions
from tools.formats.zea_custom import GROUP as CUSTOM
from tools.formats.zea_writer import ZeaWriter
from tools.part import check_output
from tools.results.layout import assumed_fields
from tools.results.sources import files_of
from tools.results.taped import convert_results
from tools.tape.reader import Tape

Layout = Literal["musse", "zea"]
_TEXT: Final = "unusable"
"""Stands for what a scanner wrote about a frame it calls unusable."""
SUFFIXES: Final = (".h5", ".hdf5", ".mha")


def remove_texts(recording: Recording) -> None:
    """Take out of an open recording every text that a person may have written.

    Of the assumed values their names stay, of a frame's status whether it is usable, and the orientation
    where it is a code. A simulation loses its known motion, which texts describe.
    """
    acquisition = recording.acquisition
    mark = ORIENTATION.fullmatch(acquisition.orientation.upper())
    recording.acquisition = replace(
        acquisition,
        orientation=acquisition.orientation if mark else "",
        assumed=tuple(assumed_fields(acquisition.assumed)),
    )
    recording.status = tuple("OK" if text == "OK" else _TEXT for text in recording.status)
    if recording.truth is not None:  # of a simulation alone: without its words it is no truth
        recording.truth = None


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

    The suffix selects the format: .mha, or .h5 and .hdf5 in the project's own layout or in zea's. `each` is
    called behind every frame. Raises RecordingError where the output exists, is the recording itself, has
    another suffix or cannot be written; nothing is left of it then.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise RecordingError(f"{output}: recordings are written as {', '.join(SUFFIXES)}")
    check_output(output, overwrite=overwrite, inputs=files_of(recording.path))
    with _sink(recording, output, layout, overwrite=overwrite) as sink:
        for index in range(recording.n_frames):
            sink.append(recording.frame(index), index)
            each()
    return recording.n_frames


def left_out(
    recording: Recording, output: Path, layout: Layout = "musse", *, names: bool = True
) -> list[str]:
    """One line for each thing of `recording` that `output` will not hold, or not where others look for it.

    To be asked before `remove_texts`; `names` is False where that follows.
    """
    metaimage = output.suffix.lower() == ".mha"
    lines = []
    if recording.truth is not None and (metaimage or layout == "zea" or not names):
        why = "only the project's own HDF5 holds" if names else "texts describe"
        lines.append(f"{output}: without the known motion, which {why}")
    if recording.n_missing and layout == "zea" and not metaimage:
        lines.append(
            f"{output}: missing frames: {recording.n_missing}; zea takes the frames beside them as "
            f"neighbours (numbers and times stand in {CUSTOM})"
        )
    return lines


def convert_tape(
    path: Path,
    output: Path,
    *,
    what: Literal["results", "rf"] | None = None,
    layout: Layout = "musse",
    variable: str | None = None,
    names: bool = True,
    overwrite: bool = False,
    each: Callable[[], None] = lambda: None,
) -> list[str]:
    """Write the results of a tape, or where it holds none or `what` is rf its RF frames; one line per file.

    Every acquisition, and every stretch of results of one grid and engine, has a file of its own: NAME.h5,
    NAME-2.h5 and so on; `variable` chooses one acquisition. Without `names` no text of the wire is written;
    see `remove_texts`. Raises RecordingError as `convert`, DiskFull.
    """
    check_output(output, overwrite=overwrite, inputs=[path])
    with Tape(path) as tape:
        acquisitions = taped_acquisitions(tape)
        note = tape.condition.note()
        lines = [f"{path}: {note}"] if note is not None else []
        frames = sum(len(acquisition.places) for acquisition in acquisitions)
        if what != "rf" and (what == "results" or tape.condition.read > frames):
            written = convert_results(tape, output, names=names, overwrite=overwrite, each=each)
            lines += [f"{name}: {pairs} pairs" for name, pairs in written.items()]
            if acquisitions and what is None:
                lines.append(f"{path} also holds {frames} RF frames: write them with --what rf")
            return lines
    chosen = range(1, max(1, len(acquisitions)) + 1) if variable is None else [variable]
    for count, number in enumerate(chosen, 1):
        name = output if count == 1 else output.with_stem(f"{output.stem}-{count}")
        with open_recording(path, overrides={"variable": str(number)}) as recording:
            if not names:
                remove_texts(recording)
            frames = convert(recording, name, layout=layout, overwrite=overwrite, each=each)
            lines += [f"{name}: {frames} frames", *left_out(recording, name, layout)]
    return lines


def _sink(
    recording: Recording, output: Path, layout: Layout, *, overwrite: bool
) -> AbstractContextManager[FrameSink]:
    if output.suffix.lower() == ".mha":
        return MetaImageWriter(output, recording, overwrite=overwrite)
    if layout == "zea":
        return ZeaWriter(output, recording, overwrite=overwrite)
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
