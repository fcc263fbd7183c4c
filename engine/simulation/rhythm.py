"""How a hand moves the probe: it presses and releases, stops, and wanders; never twice quite the same."""

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
    stops: float = 0.0,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Applied compression of every frame, (n_frames,), from 0 at the first frame to `peak` and back.

    Each cycle is a raised cosine, smooth where it meets the next; its duration and height are drawn within
    `variation` (a fraction) of `period` (s) and `peak` (0.02 = 2 %). After a cycle, with probability
    `stops`, the hand rests released for as long as a cycle would have lasted. `frame_rate` in Hz.
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
        start += duration * (2.0 if rng.uniform() < stops else 1.0)
    return compression


def wander(
    n_frames: int, frame_rate: float, *, reach: float, period: float = 3.0, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A slow, smooth drift that comes back, (n_frames,), from 0 at the first frame; unit of `reach`.

    The sum of three sines of random phase, periods from `period` (s) down to about a third of it, with
    standard deviation `reach` over a long time: lateral drift, tilt and out-of-plane motion of a hand.
    """
    times = np.arange(n_frames) / frame_rate
    path = np.zeros(n_frames)
    for share in (1.0, 1.7, 2.9):
        phase = rng.uniform(0.0, 2.0 * np.pi)
        path += np.sin(2.0 * np.pi * share * times / period + phase) - np.sin(phase)
    return np.asarray(path * (reach * np.sqrt(2.0 / 3.0)), dtype=np.float64)


def heartbeat(
    n_frames: int, frame_rate: float, *, rate: float = 1.2, peak: float = 0.03
) -> NDArray[np.float64]:
    """Growth of a vessel's radius, (n_frames,), as a fraction of it: `peak` once per beat, `rate` beats/s.

    A narrow smooth bump, the fourth power of a sine: rise and fall in about half of the beat.
    """
    times = np.arange(n_frames) / frame_rate
    return np.asarray(peak * np.sin(np.pi * rate * times) ** 4, dtype=np.float64)
