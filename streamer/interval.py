"""Pairs a fixed time apart, whatever the frame rate. Pure decisions: no clock, no memory of samples.

A hand that presses once a second strains tissue by about 2 %/s: frames 0.13 s apart differ by a usable strain
at any frame rate, neighbours at 200 frames/s by less than noise.
"""

from collections import deque
from collections.abc import Sequence

from streamer.config import PairingConfig
from streamer.frame import RfFrame
from streamer.headers import StrainHeader
from streamer.reasons import MISMATCH

MAX_FRAMES = 64
"""Between pre and post."""
WITHOUT_TIMES = 3
"""Frames between pre and post where the frames have no usable times."""
SHORTENS = 0.7  # times the interval after a pair with too much motion or too poor a match
RECOVERS = 1.1  # times the interval after a pair with neither, up to the configured one
SHORTEST = 0.2  # of the configured interval; less strain than that is lost in noise
NEW_COSTS = 0.25  # of the interval: how much nearer to it a frame must lie that was no post before
LONGEST = 2.0  # times the interval, after lost frames; further away is a gap


class IntervalChoice:
    """The pre frame about an interval before every post. One thread."""

    def __init__(self, config: PairingConfig) -> None:
        self._config = config
        self._share = 1.0
        self._posts: deque[int] = deque(maxlen=MAX_FRAMES)

    def pre(self, post: RfFrame, earlier: Sequence[RfFrame]) -> RfFrame | None:
        """The frame of this stream nearest to an interval before `post`; None after a gap.

        A frame that was a post before is preferred: its preparation need not be computed again. `post` counts
        as one from now on. The first frames pair over less than the interval.
        """
        index = post.header.frame_index
        frames = [
            frame
            for frame in earlier
            if frame.stream == post.stream and 0 < index - frame.header.frame_index <= MAX_FRAMES
        ]
        times = {frame.header.frame_index: seconds for frame in frames if (seconds := _apart(frame, post))}
        interval = self._config.interval
        if not times:
            times = {frame.header.frame_index: index - frame.header.frame_index for frame in frames}
            interval = WITHOUT_TIMES
        wanted = self._share * interval
        posts = set(self._posts)
        self._posts.append(index)

        def distance(frame: RfFrame) -> float:
            number = frame.header.frame_index
            return abs(times[number] - wanted) + (number not in posts) * NEW_COSTS * wanted

        near = [
            frame
            for frame in frames
            if (apart := times.get(frame.header.frame_index)) is not None
            and (apart <= LONGEST * interval or frame.header.frame_index == index - 1)
        ]
        return min(near, key=distance, default=None)

    def update(self, header: StrainHeader) -> None:
        """Take in how a pair went: a poor match or too much strain shortens the interval."""
        config = self._config
        spent = (
            header.rejection in (*MISMATCH, "too_much_motion")
            or (header.median_ncc is not None and header.median_ncc < config.key_min_ncc)
            or abs(header.mean_strain or 0.0) > config.key_max_strain
        )
        self._share = min(1.0, max(SHORTEST, self._share * (SHORTENS if spent else RECOVERS)))


def shortened_to(config: PairingConfig, kept: int, rate: float | None) -> str:
    """Why pairs at this rate (Hz) lie closer than configured, with `kept` frames in memory; or no text."""
    if config.mode != "time" or not kept or not rate or rate * config.interval < min(kept, MAX_FRAMES) + 1:
        return ""
    cause = f"the frame ring keeps {kept} frames: raise input.ring_bytes"
    if kept >= MAX_FRAMES:
        cause = f"at most {MAX_FRAMES} frames lie between"
    apart = min(kept, MAX_FRAMES) / rate
    return f"pairs lie {apart:.2g} s apart instead of {config.interval:g} s: {cause}"


def _apart(pre: RfFrame, post: RfFrame) -> float | None:
    """Seconds from pre to post; None where their times cannot be compared."""
    if pre.header.clock != post.header.clock:
        return None
    seconds = (post.header.t_acq - pre.header.t_acq) * 1e-9
    return seconds if 0.0 < seconds < 60.0 else None
