"""Which images are worth measuring: never ranked by contrast or ratio."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tools.measure.frames import ImageFrame

OFFERED: Final = 3
_FULL_STRAIN: Final = 0.003  # |mean strain| from which more does not count
_MAX_STRAIN: Final = 0.015
_APART: Final = 1.0  # s between two offers


def worth(frame: ImageFrame, previous: ImageFrame | None) -> float:
    """W = Q x valid share x min(1, |mean strain| / 0.3 %) x NCC with the previous press's image, 0 to 1.

    Zero above 1.5 %. Without a previous press's image the last factor is left out.
    """
    strain = abs(frame.mean_strain or 0.0)
    if strain > _MAX_STRAIN:
        return 0.0
    alike = 1.0 if previous is None else likeness(frame, previous)
    return frame.quality * frame.valid_share * min(1.0, strain / _FULL_STRAIN) * alike


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
