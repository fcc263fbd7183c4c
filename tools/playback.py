"""In which order, under which numbers and at which times a recording's frames are played."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Loop: TypeAlias = Literal["off", "restart", "bounce"]


@dataclass(frozen=True, slots=True)
class Cue:
    """One frame to be played."""

    position: int
    """Which frame of the recording, from 0."""
    frame_index: int
    """Number to send it under; starts at 0 with every session."""
    session: int
    """Counts up with every restart."""
    offset_ns: int
    """When, after the first frame."""


def playback(
    t_acq: NDArray[np.int64],
    frame_index: NDArray[np.int64],
    loop: Loop = "off",
    *,
    rate: float | None = None,
    speed: float = 1.0,
) -> Iterator[Cue]:
    """The cues of a recording with these times (ns) and numbers; endless when it loops.

    off plays once and restart again and again, each time as a new session; both keep holes in the numbering,
    which are lost frames. bounce plays forward and backward under running numbers, as a hand that presses and
    lets go. `rate` (Hz) replaces the recorded times, `speed` divides the intervals.
    """
    n_frames = len(t_acq)
    typical = float(np.median(np.diff(t_acq))) if n_frames > 1 else 1e9 / 20
    intervals = np.diff(t_acq).astype(float) if rate is None else np.full(n_frames - 1, 1e9 / rate)
    intervals, back_to_start = intervals / speed, (1e9 / rate if rate else typical) / speed
    if loop == "bounce":
        yield from _bounce(n_frames, intervals, back_to_start)
        return
    offset = 0.0
    for session in count() if loop == "restart" else range(1):
        for position in range(n_frames):
            yield Cue(position, int(frame_index[position] - frame_index[0]), session, round(offset))
            offset += intervals[position] if position < n_frames - 1 else back_to_start


def frames_of(n_frames: int, loop: Loop) -> int:
    """How many frames one turn of the playback has: there and back when it bounces."""
    return max(1, 2 * n_frames - 1) if loop == "bounce" else n_frames


def _bounce(n_frames: int, intervals: NDArray[np.float64], alone: float) -> Iterator[Cue]:
    position, step, offset = 0, 1, 0.0
    for index in count():
        yield Cue(position, index, 0, round(offset))
        if n_frames == 1:
            offset += alone
            continue
        if not 0 <= position + step < n_frames:
            step = -step
        offset += intervals[min(position, position + step)]
        position += step
