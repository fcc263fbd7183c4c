"""What was just seen, in memory: the newest messages of a link up to a number of bytes. One thread."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from streamer.headers import BmodeHeader, FusedHeader, RfHeader, StrainHeader

FrameHeader: TypeAlias = RfHeader | StrainHeader | FusedHeader | BmodeHeader
Frame: TypeAlias = tuple[str, str, int]
"""source_id, session_id, frame_index: what a frame and its results are found by."""
OVERHEAD: Final = 4096  # bytes that a message takes beside its parts: header object and references


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One message in memory."""

    at: int
    """ns, of arrival, by `streamer.system.steady_ns`: the clock may be set while messages are held."""
    header: FrameHeader
    parts: tuple[bytes, ...]
    """Topic, header, arrays, as they came."""

    @property
    def kind(self) -> str:
        """rf, strain, fused or bmode."""
        return self.header.schema_name.removeprefix("musse.")

    @property
    def frame(self) -> Frame:
        """The frame it belongs to; of a pair the newer one."""
        header = self.header
        index = header.frame_index if isinstance(header, RfHeader | BmodeHeader) else header.post_index
        return header.source_id, header.session_id, index

    @property
    def n_bytes(self) -> int:
        """Memory it takes, about."""
        return sum(map(len, self.parts)) + OVERHEAD


class Ring:
    """The newest messages within `limit` bytes; the oldest make room, unless the ring is pinned.

    A pinned ring lets nothing go: what does not fit beside it is counted in `not_held`.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.n_bytes = 0
        self.not_held = 0
        """Messages that a pinned ring had no room for since it was pinned."""
        self._messages: deque[Held] = deque()
        self._frames: dict[Frame, dict[str, Held]] = {}
        self._pinned = False

    def append(self, message: Held) -> None:
        """Take the newest message."""
        if self._pinned and self.n_bytes + message.n_bytes > self.limit:
            self.not_held += 1
            return
        self._messages.append(message)
        self._frames.setdefault(message.frame, {})[message.kind] = message
        self.n_bytes += message.n_bytes
        while self.n_bytes > self.limit:
            self._let_go()

    def pin(self, pinned: bool) -> None:
        """Hold everything from now on, or let the oldest go again."""
        if pinned and not self._pinned:
            self.not_held = 0
        self._pinned = pinned

    def span(self, start: int = 0, end: int | None = None) -> list[Held]:
        """Messages received from `start` to `end` (ns), in the order of arrival."""
        return [m for m in self._messages if m.at >= start and (end is None or m.at <= end)]

    def frames(self, end: int | None = None) -> Iterator[tuple[Frame, dict[str, Held]]]:
        """Every frame with its messages by kind, those received up to `end` (ns), in the order of arrival."""
        for frame, messages in self._frames.items():
            seen = {kind: m for kind, m in messages.items() if end is None or m.at <= end}
            if seen:
                yield frame, seen

    def frame(self, frame: Frame, kinds: Sequence[str]) -> list[Held]:
        """The messages of one frame of these kinds; empty where the ring has none of them any more."""
        messages = self._frames.get(frame, {})
        return [messages[kind] for kind in kinds if kind in messages]

    @property
    def seconds(self) -> float:
        """s from the oldest message held to the newest."""
        return (self._messages[-1].at - self._messages[0].at) * 1e-9 if self._messages else 0.0

    def _let_go(self) -> None:
        oldest = self._messages.popleft()
        self.n_bytes -= oldest.n_bytes
        messages = self._frames[oldest.frame]
        if messages.get(oldest.kind) is oldest:
            del messages[oldest.kind]
        if not messages:
            del self._frames[oldest.frame]
