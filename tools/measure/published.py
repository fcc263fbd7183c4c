"""Images as they were published: of a tape or of a file of results."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamer.headers import BmodeHeader, FusedHeader, StrainHeader
from streamer.wire import Message, decode
from tools.errors import RecordingError
from tools.measure.frames import ImageFrame
from tools.measure.offline import of_messages
from tools.results.description import describe_results, holds_results
from tools.results.messages import result_messages
from tools.tape.layout import ABOUT_NODE, SUFFIX
from tools.tape.reader import Tape


def holds_images(path: Path) -> bool:
    """Whether a file holds results to measure: a tape with fused images, or a file of results.

    Raises RecordingError for results as .npz, which hold the arrays alone, and for a damaged tape.
    """
    if path.suffix.lower() == SUFFIX:
        with Tape(path) as tape:
            return next(iter(tape.messages(["fused"])), None) is not None
    if not holds_results(path):
        return False
    if path.suffix.lower() == ".npz":
        raise RecordingError(
            f"{path} holds strain results as .npz: write them as .h5 to measure or draw them"
        )
    return True


def published_pairing(path: Path) -> dict[str, Any] | None:
    """The `[pairing]` that the images of such a file were made with; None where it is not stated."""
    if path.suffix.lower() == SUFFIX:
        with Tape(path) as tape:
            for _ in tape.messages(["status"]):
                pass  # what is known of the node stands between the messages
            text = tape.condition.about.get(ABOUT_NODE, {}).get("configuration")
    else:
        text = describe_results(path)["attributes"].get("configuration")
    pairing: dict[str, Any] | None = json.loads(text).get("pairing") if text else None
    return pairing


def published_frames(path: Path, *, with_bmode: bool = False) -> Iterator[ImageFrame]:
    """The fused images of a file in order; seconds run from its first pair. Raises RecordingError.

    The B-mode of an image comes before or after it, so an image is handed out once the next one has begun.
    """
    strain: StrainHeader | None = None
    bmode: Message | None = None
    waiting: ImageFrame | None = None
    first: int | None = None
    for time, header, parts in result_messages(path):
        first = time if first is None else first
        if isinstance(header, StrainHeader):
            strain = header
        elif isinstance(header, BmodeHeader):
            bmode = decode(parts) if with_bmode else None
            waiting = None if waiting is None else _exposed(waiting, bmode)
        elif isinstance(header, FusedHeader):
            if waiting is not None:
                yield waiting
            maps = decode(parts).arrays
            image = of_messages(
                header, maps["relative_strain"], maps["relative_std"], strain, (time - first) * 1e-9
            )
            waiting = _exposed(image, bmode)
    if waiting is not None:
        yield waiting


def _exposed(image: ImageFrame, bmode: Message | None) -> ImageFrame:
    """The image with this B-mode where it is that of its frame."""
    if bmode is None or not isinstance(bmode.header, BmodeHeader):
        return image
    header = bmode.header
    if (header.session_id, header.frame_index) != (image.session_id, image.frame_index):
        return image
    return replace(
        image,
        bmode=bmode.arrays["bmode"],
        bmode_grid=header.grid,
        dynamic_range_db=header.dynamic_range_db,
    )
