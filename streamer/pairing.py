"""Which earlier frame a new one is compared with. Pure decisions: no clock, no socket, no memory of samples.

Order comes from `frame_index` alone. A post without a usable pre still makes a pair: one with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from streamer.config import PairingConfig
from streamer.frame import RfFrame
from streamer.headers import StrainHeader
from streamer.interval import MAX_FRAMES, IntervalChoice
from streamer.reasons import PairingRejection, Rejection
from streamer.stride import StrideChoice


@dataclass(frozen=True, slots=True, eq=False)
class FramePair:
    """Two frames, or one and the reason why there is no other."""

    pre: RfFrame | None
    post: RfFrame
    rejection: Rejection | None


class Pairing:
    """Chooses the pre frame of every post, in the order in which posts are given to it. One thread."""

    def __init__(self, config: PairingConfig) -> None:
        self._config = config
        self._stride = config.stride if config.mode == "stride" else 1
        self._choice = StrideChoice(config)
        self._interval = IntervalChoice(config)
        self._stream: tuple[str, str] | None = None
        self._first_index = 0
        self._pending_reason: PairingRejection = "first"
        self.key: RfFrame | None = None
        """The key frame; the owner of its memory must keep it while it is referenced here."""

    @property
    def history(self) -> int:
        """How many frames before the newest have to be kept."""
        if self._config.mode == "time":
            return 1
        return self._config.max_stride if self._config.mode == "auto" else self._stride

    @property
    def reach(self) -> int:
        """How many frames before the newest can be of use."""
        return MAX_FRAMES if self._config.mode == "time" else self.history

    @property
    def follows_outcomes(self) -> bool:
        """Whether the pre of a post depends on how earlier pairs went."""
        return self._config.mode != "stride"

    def choose(self, post: RfFrame, earlier: Sequence[RfFrame]) -> FramePair:
        """The pair that ends in `post`; `earlier` are the frames still in memory, oldest first.

        Reasons: first, new_session, gap, geometry_changed.
        """
        header = post.header
        if post.stream != self._stream:
            self._pending_reason = "first" if self._stream is None else "new_session"
            self._stream = post.stream
            self._first_index = header.frame_index
            self.key = None
            self._choice = StrideChoice(self._config)
            self._interval = IntervalChoice(self._config)
        pre = self.key if self._config.mode == "keyframe" else self._before(post, earlier)
        if pre is None:
            early = header.frame_index < self._first_index + self._stride
            reason = self._pending_reason if early or self._config.mode == "keyframe" else "gap"
            self._take_key(post)
            return FramePair(None, post, reason)
        if pre.header.acquisition != post.header.acquisition:
            self._take_key(post)
            return FramePair(None, post, "geometry_changed")
        return FramePair(pre, post, None)

    def report_outcome(self, pair: FramePair, header: StrainHeader) -> None:
        """Take in how a pair went: for the next interval or stride, or a new key when the old is spent."""
        if pair.pre is None:
            return
        if self._config.mode == "time":
            self._interval.update(header)
        if self._config.mode == "auto":
            self._choice.update(pair.post.header.frame_index - pair.pre.header.frame_index, header)
        if self._config.mode != "keyframe":
            return
        config = self._config
        spent = (
            header.rejection not in (None, "no_motion")
            or (header.median_ncc is not None and header.median_ncc < config.key_min_ncc)
            or abs(header.mean_strain or 0.0) > config.key_max_strain
            or abs(header.lateral_motion or 0.0) > config.key_max_lateral
            or pair.post.header.frame_index - pair.pre.header.frame_index >= config.key_max_age
        )
        if spent:
            self._take_key(pair.post)

    def _take_key(self, frame: RfFrame) -> None:
        if self._config.mode == "keyframe":
            self.key = frame

    def _before(self, post: RfFrame, earlier: Sequence[RfFrame]) -> RfFrame | None:
        """The frame an interval or a stride before post; in auto mode the next nearer where it is missing."""
        if self._config.mode == "time":
            return self._interval.pre(post, earlier)
        by_distance = {
            post.header.frame_index - frame.header.frame_index: frame
            for frame in earlier
            if frame.stream == post.stream
        }
        if self._config.mode != "auto":
            return by_distance.get(self._stride)
        return next((by_distance[n] for n in range(self._choice.stride, 0, -1) if n in by_distance), None)
