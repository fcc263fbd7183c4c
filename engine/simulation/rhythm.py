"""How a hand presses: compression and release, cycle after cycle, never twice quite the same."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidAcquisition


def press_and_release(
    n_frames: int,
    frame_rate: float,
    *,
    peak: float = 0.02,
    period: float = 1.2,
    variation: float = 0.1,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Applied compression of every frame, (n_frames,), from 0 at the first frame to `peak` and back.

    Each cycle is a raised cosine, smooth where it meets the next; its duration and height are drawn within
    `variation` (a fraction) of `period` (s) and `peak` (0.02 = 2 %). `frame_rate` in Hz.
    """
    if n_frames < 1 or not (frame_rate > 0 and period > 0):
        raise InvalidAcquisition(
            f"{n_frames} frames at {frame_rate:g} Hz, period {period:g} s: not a sequence"
        )
    if not 0 <= peak < 0.2:
        raise InvalidAcquisition(f"peak compression {peak:g}: give a fraction below 0.2 (0.02 = 2 %)")
    times = np.arange(n_frames) / frame_rate
    compression = np.zeros(n_frames)
    start = 0.0
    while start <= times[-1]:
        duration = period * (1.0 + variation * rng.uniform(-1.0, 1.0))
        height = peak * (1.0 + variation * rng.uniform(-1.0, 1.0))
        during = (times >= start) & (times < start + duration)
        compression[during] = height * 0.5 * (1.0 - np.cos(2.0 * np.pi * (times[during] - start) / duration))
        start += duration
    return compression
