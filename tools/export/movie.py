"""A movie of a recording's images, as the window shows them. OpenCV alone."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.display.options import DisplayOptions
from tools.display.render import render
from tools.errors import ToolError
from tools.export.stamp import facts_of, stamp_movie, stamp_text
from tools.export.standard_error import without_lines_of
from tools.export.views import bmode_of, view_of
from tools.measure.frames import ImageFrame
from tools.output import check_ending
from tools.part import writing

SIZE: Final = (1280, 720)
CODECS: Final = {".webm": "VP90", ".mp4": "mp4v"}
ENDINGS: Final = (*CODECS, ".gif")
_GIF_SIZE: Final = (960, 600)
_GOOD_TAG: Final = b"tag 0x30395056/'VP90' is not supported"
"""OpenCV's note on every .webm, which has no tags."""
_PROBE: Final = 2**20  # bytes: what a codec may have held back


def write_movie(
    frames: Sequence[ImageFrame],
    path: Path,
    options: DisplayOptions,
    on_frame: Callable[[int], object] = lambda done: None,
    *,
    source_sha256: str = "",
    overwrite: bool = True,
) -> float:
    """Write all frames at their own pace, and the SHA-256 of the file they were made of; returns frames/s.

    Raises ToolError where that is impossible, DiskFull where there is no room for them, RecordingError where
    there is a file by then, without `overwrite`.
    """
    check_ending(path, ENDINGS, "a movie")
    if not frames:
        raise ToolError("there is no image to make a movie of")
    rate = frame_rate(frames)
    first = bmode_of(frames[0], options)
    exposed = None if first is None else first.exposure_db
    gif = path.suffix.lower() == ".gif"
    size = _GIF_SIZE if gif else SIZE

    def drawn(position: int) -> NDArray[np.uint8]:
        on_frame(position + 1)
        return render(view_of(frames[position], frames[: position + 1], options, exposed), size)

    with writing(path, overwrite=overwrite) as part:
        if gif:
            _write_gif([drawn(position) for position in range(len(frames))], part, rate)
        else:
            _write_video((drawn(position) for position in range(len(frames))), part, rate, size)
        _check_whole(part, len(frames), path)
        stamp_movie(part, stamp_text(facts_of(frames, options, source_sha256)))
    return rate


def _write_video(images: Iterable[NDArray[np.uint8]], path: Path, rate: float, size: tuple[int, int]) -> None:
    path.open("xb").close()  # OpenCV gives no reason where it cannot
    codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()])
    with without_lines_of(_GOOD_TAG):
        writer = cv2.VideoWriter(str(path), codec, rate, size)
    if not writer.isOpened():
        raise ToolError(f"no codec for a movie that ends in {path.suffix} here: try another of {ENDINGS}")
    try:
        for image in images:
            writer.write(image)
    finally:
        writer.release()


def _check_whole(path: Path, count: int, named: Path) -> None:
    """Raise OSError or ToolError where an image cannot be read back: OpenCV does not report a full disk.

    `named` is the file that was asked for.
    """
    if path.suffix.lower() == ".gif":
        found = cv2.imcount(str(path), cv2.IMREAD_COLOR)
    else:
        reader, found = cv2.VideoCapture(str(path)), 0
        while reader.grab():
            found += 1
        reader.release()
    if found == count:
        return
    with path.open("ab", buffering=0) as file:  # why not: ask the disk
        file.write(bytes(_PROBE))
        os.fsync(file.fileno())
    raise ToolError(
        f"{named} could not be written: {found} of {count} images arrived in it; nothing of it is left"
    )


def frame_rate(frames: Sequence[ImageFrame]) -> float:
    """Images per second of the file, 1 to 60."""
    times = [frame.time for frame in frames]
    steps = [after - before for before, after in pairwise(times) if after > before]
    return min(max(1 / median(steps), 1.0), 60.0) if steps else 10.0


def _write_gif(images: list[NDArray[np.uint8]], path: Path, rate: float) -> None:
    animation = cv2.Animation()
    animation.frames = images
    animation.durations = [round(1000 / rate)] * len(images)
    path.open("xb").close()  # OpenCV gives no reason where it cannot
    try:
        cv2.imwriteanimation(str(path), animation)
    except cv2.error as error:
        raise ToolError(f"an animation cannot be written: {error.err}") from error
