"""Results of a tape as result files: one for every stretch of one source, grid, engine and region."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streamer.fusing import FusedMessage
from streamer.headers import BmodeHeader, FusedHeader, StrainHeader
from streamer.wire import decode
from tools.errors import RecordingError
from tools.results.provenance import provenance
from tools.results.writer import ResultWriter
from tools.tape.layout import ABOUT_NODE
from tools.tape.reader import Tape

MAPS: Final = ("axial_strain", "strain_std")
_Key: TypeAlias = tuple[str, str, int]
_Place: TypeAlias = tuple[int, int]


def convert_results(
    tape: Tape,
    output: Path,
    *,
    names: bool = True,
    overwrite: bool = False,
    each: Callable[[], None] = lambda: None,
) -> dict[Path, int]:
    """Write every pair of `tape` with its fused image and B-mode; returns the files and their pairs.

    Without `names` the source is called `source`. Where source, grid, engine, windows or region change, a
    further file begins: NAME-2.h5 and so on. `each` is called behind every pair. Raises RecordingError for a
    tape without results and as `ResultWriter`.
    """
    beside = _Beside(tape)
    node = tape.condition.about.get(ABOUT_NODE, {})
    about = provenance(tape.path, node.get("configuration", ""))
    pairs = (m for m in tape.messages(["strain"]) if isinstance(m.header, StrainHeader))
    written: dict[Path, int] = {}
    message = next(pairs, None)
    if message is None:
        raise RecordingError(f"{tape.path} holds no strain results")
    while message is not None:
        number = len(written) + 1
        path = output if number == 1 else output.with_stem(f"{output.stem}-{number}")
        assert isinstance(message.header, StrainHeader)  # noqa: S101 - chosen above
        reason = node.get("engine_note") if node.get("engine") == message.header.engine else None
        made = about | ({"engine_note": reason} if reason else {})
        with ResultWriter(path, MAPS, fused=True, provenance=made, overwrite=overwrite) as writer:
            source = message.header.source_id
            while message is not None:
                header = message.header
                assert isinstance(header, StrainHeader)  # noqa: S101 - as above
                maps = decode(message.parts()).arrays
                if header.source_id != source or not writer.fits(header, maps):
                    break
                fused, bmode = beside.of(header)
                if not names:
                    header = header.model_copy(update={"source_id": "source"})
                writer.append(header, maps, fused, bmode)
                each()
                message = next(pairs, None)
        written[path] = writer.n_pairs
    return written


class _Beside:
    """Fused images and B-mode of a tape, by the frame that a pair ends with."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._places: dict[str, dict[_Key, _Place]] = {"fused": {}, "bmode": {}}
        for message in tape.messages(list(self._places)):
            header = message.header
            if isinstance(header, FusedHeader | BmodeHeader):
                index = header.post_index if isinstance(header, FusedHeader) else header.frame_index
                self._places[message.kind][header.source_id, header.session_id, index] = message.place

    def of(self, pair: StrainHeader) -> tuple[FusedMessage | None, tuple[BmodeHeader, NDArray[Any]] | None]:
        """The fused image and the B-mode of a pair's post frame, as `ResultWriter.append` takes them."""
        key = pair.source_id, pair.session_id, pair.post_index
        fused = bmode = None
        place = self._places["fused"].get(key)
        if place is not None:
            message = decode(self._tape.message(place).parts())
            if isinstance(message.header, FusedHeader):
                arrays = message.arrays["relative_strain"], message.arrays["relative_std"]
                fused = FusedMessage(message.header, arrays)
        place = self._places["bmode"].get(key)
        if place is not None:
            message = decode(self._tape.message(place).parts())
            if isinstance(message.header, BmodeHeader):
                bmode = message.header, np.asarray(message.arrays["bmode"])
        return fused, bmode
