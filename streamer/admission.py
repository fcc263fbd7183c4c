"""Which frames of a link belong to the stream: one source, each index once and forwards."""

from streamer.errors import MessageRefused
from streamer.headers import RfHeader

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
        self._unreadable = 0
        self._refused: set[int] = set()

    def check(self, header: RfHeader, now: float) -> None:
        """Raise MessageRefused for a frame that does not go on in the stream; changes no number.

        Reasons: other_source, duplicate, backwards. A frame that comes late was counted as lost when its hole
        was seen, and is refused as backwards. `now` is in seconds, on any clock.
        """
        source = self._current(now)
        if source is not None and header.source_id != source:
            raise MessageRefused("other_source", f"{header.source_id!r} while listening to {source!r}")
        if source is not None:
            self._heard = now
        if source is None or header.session_id != self._session:
            return
        step = header.frame_index - self._last_index
        if step == 0:
            raise MessageRefused("duplicate", f"frame {header.frame_index} came twice")
        if step < 0:
            detail = (
                f"frame {header.frame_index} after {self._last_index}; "
                "a sender that restarts must change session_id"
            )
            raise MessageRefused("backwards", detail)

    def accept(self, header: RfHeader, now: float) -> int:
        """Follow a checked frame whose samples are usable; returns how many frames were lost just before it.

        Only such frames move source, session and index on: one damaged header must not make every later
        frame another source's or a backwards one.
        """
        source = self._current(now)
        if source is None or header.session_id != self._session:
            lost = 0
        else:
            seen = self._unreadable + sum(self._last_index < i < header.frame_index for i in self._refused)
            lost = max(0, header.frame_index - self._last_index - 1 - seen)
        self._source, self._session = header.source_id, header.session_id
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
