"""Images as they were published live, from a tape."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from streamer.headers import BmodeHeader, FusedHeader, StrainHeader
from streamer.wire import decode
from tools.measure.frames import ImageFrame
from tools.measure.offline import of_messages
from tools.tape.reader import Tape


def tape_frames(path: Path, *, with_bmode: bool = False) -> Iterator[ImageFrame]:
    """The fused images of a tape in order; none where it holds only RF. Raises RecordingError.

    A B-mode follows its image on the wire, so an image is handed out once the next one has begun.
    """
    strain: StrainHeader | None = None
    waiting: ImageFrame | None = None
    first: int | None = None
    kinds = ("strain", "fused", "bmode") if with_bmode else ("strain", "fused")
    with Tape(path) as tape:
        for taped in tape.messages(kinds):
            first = taped.received if first is None else first
            message = decode(taped.parts())
            header = message.header
            if isinstance(header, StrainHeader):
                strain = header
            elif isinstance(header, BmodeHeader):
                if waiting is not None and waiting.frame_index == header.frame_index:
                    waiting = replace(
                        waiting,
                        bmode=message.arrays["bmode"],
                        bmode_grid=header.grid,
                        dynamic_range_db=header.dynamic_range_db,
                    )
            elif isinstance(header, FusedHeader):
                if waiting is not None:
                    yield waiting
                maps = message.arrays["relative_strain"], message.arrays["relative_std"]
                waiting = of_messages(header, *maps, strain, (taped.received - first) * 1e-9)
    if waiting is not None:
        yield waiting
