"""Logging to stderr: one line per event, at most one line per reason and interval."""

import json
import logging
import time
from typing import Final

QUIET_FOR = 5.0  # s between two lines of the same reason


class _OncePerReason(logging.Filter):
    """Lets records that carry `limit_by` through once per interval, with the number suppressed since."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        reason = getattr(record, "limit_by", None)
        if reason is None:
            return True
        now = time.monotonic()
        if now - self._last.get(reason, -QUIET_FOR) < QUIET_FOR:
            self._suppressed[reason] = self._suppressed.get(reason, 0) + 1
            return False
        self._last[reason] = now
        suppressed = self._suppressed.pop(reason, 0)
        if suppressed:
            record.msg = f"{record.msg} (and {suppressed} more like it)"
        return True


_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class _Text(logging.Formatter):
    """One line per event: what a sender wrote into a message must not begin a line or move the cursor."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return super().formatMessage(record).translate(_ESCAPES)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        reason = getattr(record, "limit_by", None)
        if reason is not None:
            fields["reason"] = reason
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def log_to_stderr(*, as_json: bool = False, level: int = logging.INFO) -> None:
    """Send all logging to stderr, as text or as one JSON object per line."""
    handler = logging.StreamHandler()
    handler.addFilter(_OncePerReason())
    text = _Text("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
    handler.setFormatter(_Json() if as_json else text)
    logging.basicConfig(level=level, handlers=[handler], force=True)
