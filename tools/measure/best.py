"""Which images are worth measuring: those with little noise whose frames match."""

from collections.abc import Iterable, Sequence
from typing import Final

from tools.measure.frames import ImageFrame
from tools.measure.quality import MAX_CONTRAST, parts, region_mask

OFFERED: Final = 3
_MAX_STRAIN: Final = 0.015
_APART: Final = 1.0  # s between two offers


def worth(frame: ImageFrame) -> float:
    """W = valid share x echo match / (1 + noise / C^2), 0 to 1.

    Noise is k mean s^2 of the quality bar and C its constant. The contrast of the image itself is left out:
    who ranks images by it chooses the answer of the examination. W is 0 of a flat image and where the newest
    pair was strained by more than 1.5 %; how much less does not count, because the image is that of many
    pairs. Without an echo match that factor is left out.

    Chosen of nineteen forms on 39 of the quality bar's own sequences. Its first choice was within 1.18 of the
    best image's NRMSE with the reference engine and 1.21 with the network; with the contrast in it that was
    1.57 and 1.61. Multiplied by the correlation with the image of the press before it ranked images worse
    (0.31 with the network and 0.32 instead of 0.52 and 0.41).
    """
    if abs(frame.mean_strain or 0.0) > _MAX_STRAIN:
        return 0.0
    inside = region_mask(frame.grid, frame.relative_strain.shape, frame.region)
    noise, contrast, share = parts(frame.relative_strain, frame.relative_std, inside, frame.engine)
    if not contrast > 0:
        return 0.0
    match = 1.0 if frame.median_ncc is None else max(0.0, frame.median_ncc)
    return share * match / (1 + noise / MAX_CONTRAST**2)


def best_frames(frames: Iterable[ImageFrame]) -> list[ImageFrame]:
    """Up to three images of the highest worth, at most one per press and 1 s apart, best first.

    Only those of the newest session and engine are ranked: another engine changes the look of tissue. Holds
    one image per press or release, so that `frames` may be read one by one.
    """
    scene: tuple[str, str] | None = None
    tops: list[tuple[float, ImageFrame]] = []
    pressing: bool | None = None
    for frame in frames:
        if (frame.session_id, frame.engine) != scene:
            scene, tops, pressing = (frame.session_id, frame.engine), [], None
        if frame.mean_strain is None:
            continue
        value = worth(frame)
        if (frame.mean_strain < 0) is not pressing:
            pressing = frame.mean_strain < 0
            tops.append((value, frame))
        elif value > tops[-1][0]:
            tops[-1] = (value, frame)
    chosen: list[ImageFrame] = []
    for value, frame in sorted(tops, key=lambda pair: -pair[0]):
        if value > 0 and all(abs(frame.time - other.time) >= _APART for other in chosen):
            chosen.append(frame)
    return chosen[:OFFERED]


def of_newest_scene(frames: Sequence[ImageFrame]) -> list[ImageFrame]:
    """The images of the same session and engine as the last one."""
    if not frames:
        return []
    scene = (frames[-1].session_id, frames[-1].engine)
    return [frame for frame in frames if (frame.session_id, frame.engine) == scene]
