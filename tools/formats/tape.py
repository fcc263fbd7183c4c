"""RF frames of a tape as a recording; their layout stands in `tools.tape.layout`.

A tape may hold several acquisitions, because a change of geometry, session or source does not end it. Each is
one recording: `Layout.variable` chooses one by its number, from 1.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamer.frame import view_samples
from streamer.headers import RfHeader
from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS, PartialAcquisition, RecordedAcquisition
from tools.formats.contents import Contents, Layout
from tools.tape.reader import Tape

_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "<i2": np.dtype(np.int16),
    "<f4": np.dtype(np.float32),
    "<c8": np.dtype(np.complex64),
}

log = logging.getLogger(__name__)


@dataclass(slots=True)
class TapedAcquisition:
    """Frames of one source, session and geometry, in the order of their numbers."""

    header: RfHeader
    """Of the first frame."""
    places: list[tuple[int, int]] = field(default_factory=list)
    t_acq: list[int] = field(default_factory=list)
    frame_index: list[int] = field(default_factory=list)
    status: list[str] = field(default_factory=list)

    def append(self, header: RfHeader, place: tuple[int, int]) -> None:
        """Take the next frame; one whose number does not rise was sent twice, and is left out."""
        if not self.frame_index or header.frame_index > self.frame_index[-1]:
            self.places.append(place)
            self.t_acq.append(header.t_acq)
            self.frame_index.append(header.frame_index)
            self.status.append(header.status)

    def __str__(self) -> str:
        n_axial, n_lateral = self.header.shape
        return f"{len(self.places)} frames of {n_axial} x {n_lateral} from {self.header.source_id}"


def taped_acquisitions(tape: Tape) -> list[TapedAcquisition]:
    """Every acquisition of a tape, in the order in which they began."""
    found: dict[tuple[object, ...], TapedAcquisition] = {}
    for message in tape.messages(["rf"]):
        header = message.header
        if isinstance(header, RfHeader) and len(message.arrays) == 1:
            if len(message.arrays[0]) != header.nbytes:
                continue
            constants = RecordedAcquisition.from_header(header)
            key = header.source_id, header.session_id, header.shape, header.dtype, constants
            found.setdefault(key, TapedAcquisition(header)).append(header, message.place)
    return list(found.values())


def read_tape(path: Path, layout: Layout) -> Contents:
    """The chosen acquisition of the tape at `path`; frames are read one by one when asked for.

    Raises RecordingError for a file that is no tape, a tape without RF frames, and where one of several
    acquisitions must be chosen.
    """
    tape = Tape(path)
    try:
        found = taped_acquisitions(tape)
        note = tape.condition.note()
        if note is not None:
            log.warning("%s: %s", path, note)
        acquisition = _chosen(path, found, layout.variable, tape.condition.read)
    except BaseException:
        tape.close()
        raise
    constants = RecordedAcquisition.from_header(acquisition.header)
    stated = {item.name: getattr(constants, item.name) for item in fields(constants) if item.name != "kind"}
    return Contents(
        frames=TapeFrames(tape, acquisition),
        stated=PartialAcquisition(**{name: value for name, value in stated.items() if name != "assumed"}),
        t_acq=np.asarray(acquisition.t_acq, np.int64),
        frame_index=np.asarray(acquisition.frame_index, np.int64),
        status=tuple(acquisition.status),
        notes=constants.assumed,
        carrier_required=False,
    )


class TapeFrames:
    """Frames of one acquisition, read when asked for and checked again then."""

    def __init__(self, tape: Tape, acquisition: TapedAcquisition) -> None:
        self._tape, self._places = tape, acquisition.places
        self.n_frames = len(acquisition.places)
        self.shape: tuple[int, int] = acquisition.header.shape
        self.dtype = _DTYPES[acquisition.header.dtype]

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        message = self._tape.message(self._places[index])
        assert isinstance(message.header, RfHeader)  # noqa: S101 - the place is that of an RF frame
        payload = np.frombuffer(message.arrays[0], np.uint8)
        return np.array(view_samples(message.header, payload), self.dtype, order="C")

    def close(self) -> None:
        """Close the file."""
        self._tape.close()


def _chosen(
    path: Path, found: Sequence[TapedAcquisition], variable: str | None, messages: int
) -> TapedAcquisition:
    if not found:
        raise RecordingError(
            f"{path} holds no RF frame: of {messages} messages all are results; "
            f"write them with: musse-stream convert {path} --output results.h5"
        )
    if variable is None and len(found) == 1:
        return found[0]
    if variable is not None and variable.isdigit() and 1 <= int(variable) <= len(found):
        return found[int(variable) - 1]
    listed = "; ".join(f"{number}: {item}" for number, item in enumerate(found, 1))
    raise RecordingError(
        f"{path} holds {len(found)} acquisitions ({listed}): choose one by its number with "
        f"{OPTIONS['variable']}, or write all with: musse-stream convert {path} --output NAME.h5"
    )
