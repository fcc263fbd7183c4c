"""Which frames of a link belong to the stream: one source, each index once and forwards."""

from collections import OrderedDict

from streamer.errors import MessageRefused
from streamer.headers import RfHeader

MAX_SESSIONS = 64  # left sessions whose last index is kept
MAX_REFUSED = 4096  # indices kept of frames refused in a row; beyond, each counts as one of the hole
FORGET_SOURCE_AFTER = 5.0  # s of silence; then another source may take the link over


class Admission:
    """Follows one source through its sessions. One thread."""

    def __init__(self, source: str = "") -> None:
        self._wanted = source
        self._source: str | None = source or None
        self._heard = 0.0
        self._session: str | None = None
        self._last_index = -1
        self._left: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._unreadable = 0
        self._refused: set[int] = set()

    def check(self, header: RfHeader, now: float) -> None:
        """Raise MessageRefused for a frame that does not go on in the stream; changes no number.

        Reasons: other_source, duplicate, backwards. A frame that comes late was counted as lost when its hole
        was seen, and is refused as backwards; so is what somebody recorded and sends again, also of a session
        that was left. `now` is in seconds, on any clock.
        """
        source = self._current(now)
        if source is not None and header.source_id != source:
            raise MessageRefused("other_source", f"{header.source_id!r} while listening to {source!r}")
        if source is not None:
            self._heard = now
        stream = (header.source_id, header.session_id)
        current = stream == (self._source, self._session)
        last = self._last_index if current else self._left.get(stream, -1)
        if current and header.frame_index == last:
            raise MessageRefused("duplicate", f"frame {header.frame_index} came twice")
        if header.frame_index <= last:
            detail = f"frame {header.frame_index} after {last}; a sender that restarts must change session_id"
            raise MessageRefused("backwards", detail)

    def accept(self, header: RfHeader, now: float) -> int:
        """Follow a checked frame whose samples are usable; returns how many frames were lost just before it.

        Only such frames move source, session and index on: one damaged header must not make every later
        frame another source's or a backwards one.
        """
        source = self._current(now)
        stream = (header.source_id, header.session_id)
        if source is None or header.session_id != self._session:
            lost = 0
        else:
            seen = self._unreadable + sum(self._last_index < i < header.frame_index for i in self._refused)
            lost = max(0, header.frame_index - self._last_index - 1 - seen)
        if self._source is not None and self._session is not None and stream != (self._source, self._session):
            self._left[self._source, self._session] = self._last_index
            self._left.pop(stream, None)
            while len(self._left) > MAX_SESSIONS:
                self._left.popitem(last=False)
        self._source, self._session = stream
        self._last_index, self._heard = header.frame_index, now
        self._unreadable, self._refused = 0, set()
        return lost

    def refused(self, header: RfHeader | None = None) -> None:
        """A frame was refused, so that the hole at its index is no loss; None: its index is unreadable.

        A frame of another source or session leaves no hole here.
        """
        if header is None or len(self._refused) >= MAX_REFUSED:
            self._unreadable += 1
        elif (header.source_id, header.session_id) == (self._source, self._session):
            self._refused.add(header.frame_index)

    def _current(self, now: float) -> str | None:
        """The source that holds the link; None where any may take it."""
        if self._wanted:
            return self._wanted
        return None if now - self._heard > FORGET_SOURCE_AFTER else self._source
