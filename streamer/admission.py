"""Which frames of a link belong to the stream: one source, each index once and forwards."""

from streamer.errors import MessageRefused
from streamer.headers import RfHeader

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

    def unreadable(self) -> None:
        """A message came whose index could not be read: the hole it leaves is no loss on the link."""
        self._unreadable += 1

    def admit(self, header: RfHeader, now: float) -> int:
        """How many frames were lost just before this one.

        Raises MessageRefused: other_source, duplicate, backwards. A frame that comes late was counted as
        lost when its hole was seen, and is refused as backwards. `now` is in seconds, on any clock.
        """
        if not self._wanted and self._source and now - self._heard > FORGET_SOURCE_AFTER:
            self._source = None
        if self._source is None:
            self._source, self._session = header.source_id, None  # another source may use the same session_id
        if header.source_id != self._source:
            raise MessageRefused("other_source", f"{header.source_id!r} while listening to {self._source!r}")
        self._heard = now
        if header.session_id != self._session:
            self._session, self._last_index, self._unreadable = header.session_id, header.frame_index, 0
            return 0
        step = header.frame_index - self._last_index
        if step == 0:
            raise MessageRefused("duplicate", f"frame {header.frame_index} came twice")
        if step < 0:
            detail = (
                f"frame {header.frame_index} after {self._last_index}; "
                "a sender that restarts must change session_id"
            )
            raise MessageRefused("backwards", detail)
        unreadable, self._unreadable = self._unreadable, 0
        self._last_index = header.frame_index
        return max(0, step - 1 - unreadable)
