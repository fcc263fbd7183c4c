"""Which images are worth measuring: those that stand out of their noise and repeat the press before."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tools.measure.frames import ImageFrame
from tools.measure.quality import parts, region_mask

OFFERED: Final = 3
_MAX_STRAIN: Final = 0.015
_APART: Final = 1.0  # s between two offers


def worth(frame: ImageFrame, previous: ImageFrame | None) -> float:
    """W = valid share / (1 + noise / contrast) x NCC with the previous press's image, 0 to 1.

    Noise and contrast are k mean s^2 and v of the quality bar, without its limit: images of one recording
    are noisy alike. The contrast that an image keeps is part of its worth: what noise or the network's prior
    takes away is missing from every measurement, and images on simulated tissue never show more than the
    truth. W is 0 of a flat image and where the newest pair was strained by more than 1.5 %; how much less
    does not count, because the image is that of many pairs. Without a previous press's image the last factor
    is left out.
    """
    if abs(frame.mean_strain or 0.0) > _MAX_STRAIN:
        return 0.0
    inside = region_mask(frame.grid, frame.relative_strain.shape, frame.region)
    noise, contrast, share = parts(frame.relative_strain, frame.relative_std, inside, frame.engine)
    if not contrast > 0:
        return 0.0
    alike = 1.0 if previous is None else likeness(frame, previous)
    return share * contrast / (contrast + noise) * alike


def likeness(first: ImageFrame, second: ImageFrame) -> float:
    """Normalised cross-correlation of two images about their means, 0 to 1; 0 where one is flat."""
    if first.relative_strain.shape != second.relative_strain.shape:
        return 0.0
    both = np.isfinite(first.relative_strain) & np.isfinite(second.relative_strain)
    if both.sum() < 16:
        return 0.0
    a, b = (f.relative_strain[both] - f.relative_strain[both].mean() for f in (first, second))
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return max(0.0, float((a * b).sum()) / scale) if scale > 1e-6 * a.size else 0.0


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
        if (frame.mean_strain < 0) is not pressing:
            pressing = frame.mean_strain < 0
            tops.append((worth(frame, tops[-1][1] if tops else None), frame))
            continue
        value = worth(frame, tops[-2][1] if len(tops) > 1 else None)
        if value > tops[-1][0]:
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
