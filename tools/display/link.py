"""Which node and source a display follows, and how old each kind of message is. The clock is passed in.

The display determines link state and data age from arrival times, because a hung node cannot report them.
    NODE LOST   no status for 1.2 s
    STALE       no result for longer than `streamer.health.stale_after`, the limit of the node
"""

import json
from collections import deque
from itertools import pairwise
from statistics import median
from typing import Final

from streamer.headers import NO_SOURCE, StatusHeader
from streamer.health import stale_after
from tools.display.view import Banner, Level, ago

NODE_LOST_AFTER: Final = 1.2  # s without status
GAP_PERIODS: Final = 4  # periods without a result that break the trace
_GAP_AT_LEAST: Final = 0.25  # s: a busy machine delays a poll by that much without losing a result

_LEVELS: Final[dict[str, Level]] = {
    "LIVE": "good",
    "REPLAY": "good",
    "DEGRADED": "warning",
    "STALE": "warning",
    "FAULT": "alarm",
}


class Link:
    """One display's view of its node. One thread."""

    def __init__(self, address: str, source: str | None, now: float) -> None:
        self.address = address
        self.named = source
        """Source that the viewer asked for; None: whichever the node sends."""
        self.source = source
        self.refusal = ""
        """Why the other end takes no link, in words; "" where that is not known."""
        self.status: StatusHeader | None = None
        self.fusion: float | None = None
        """s, the node's time constant of fusion, 0: off; None from a node that does not report it."""
        self.status_at = now
        self.first_seen: float | None = None
        self._polled_at = now
        self._heard = now
        self._others: dict[str, float] = {}
        self._arrivals: deque[float] = deque(maxlen=50)
        self._bmode_at: float | None = None

    @property
    def other_sources(self) -> tuple[str, ...]:
        """Sources that sent and are not shown."""
        return tuple(sorted(self._others))

    def ours(self, source_id: str, now: float) -> bool:
        """Whether a message of this source is shown: two sources never mix, and a named one is never left."""
        if source_id == NO_SOURCE:
            self.first_seen = now if self.first_seen is None else self.first_seen
            return True  # the status of a node that has no frames yet
        if self.source is None:
            self.source = source_id
        if source_id != self.source:
            self._others[source_id] = now
            return False
        self._heard = now
        self.first_seen = now if self.first_seen is None else self.first_seen
        return True

    def successor(self, now: float) -> str | None:
        """The source to follow from now on: the one heard last, once the old is silent as a lost node is."""
        if self.named is not None or self.source is None or now - self._heard <= NODE_LOST_AFTER:
            return None
        fresh = [name for name, heard in self._others.items() if now - heard <= NODE_LOST_AFTER]
        return max(fresh, key=self._others.__getitem__, default=None)

    def follow(self, source: str, now: float) -> None:
        """Take this source from now on, and forget everything of the old one."""
        self.source, self.status = source, None
        self._others.pop(source, None)
        self._heard = self.status_at = now
        self._arrivals.clear()
        self._bmode_at = None

    def status_came(self, status: StatusHeader, now: float) -> None:
        """The node's newest status."""
        if self.status is None or status.configuration != self.status.configuration:
            self.fusion = _fusion_of(status.configuration)
        self.status, self.status_at = status, now

    def bmode_came(self, now: float) -> None:
        """A B-mode image."""
        self._bmode_at = now

    def results_came(self, count: int, now: float) -> list[tuple[float, bool]]:
        """Arrival time of each result of one poll, and whether nothing came for several periods before it.

        Several results of one poll came at times nobody saw: spread at their own period, at most over the
        time since the last poll, so that the trace stays even and no result is put into a silence.
        """
        since, self._polled_at = now - self._polled_at, now
        if not count:
            return []
        step = since / count if self.period is None else min(since / count, self.period)
        arrivals = []
        for back in range(count - 1, -1, -1):
            at = now - back * step
            gap = bool(self._arrivals) and at - self._arrivals[-1] > self._gap_after
            if gap:
                self._arrivals.clear()  # a rate over a silence would be no rate
            self._arrivals.append(at)
            arrivals.append((at, gap))
        return arrivals

    @property
    def period(self) -> float | None:
        """s between results, median of the last ones; None before two came."""
        arrivals = list(self._arrivals)
        steps = [after - before for before, after in pairwise(arrivals)]
        return median(steps) if steps else None

    @property
    def result_rate(self) -> float | None:
        """Hz, over the last results."""
        if len(self._arrivals) < 2 or self._arrivals[-1] <= self._arrivals[0]:
            return None
        return (len(self._arrivals) - 1) / (self._arrivals[-1] - self._arrivals[0])

    def result_age(self, now: float) -> float | None:
        """s since the last result; None before the first."""
        return now - self._arrivals[-1] if self._arrivals else None

    def bmode_age(self, now: float) -> float | None:
        """s since the last B-mode; None before the first."""
        return None if self._bmode_at is None else now - self._bmode_at

    def status_age(self, now: float) -> float | None:
        """s since the last status; None before the first."""
        return None if self.status is None else now - self.status_at

    def lost(self, now: float) -> bool:
        """NODE LOST."""
        return self._without_status(now) > NODE_LOST_AFTER

    def stale(self, now: float) -> bool:
        """STALE: results have stopped."""
        age = self.result_age(now)
        return age is not None and age > self.stale_after

    @property
    def stale_after(self) -> float:
        """s without a result until STALE."""
        rates = [self.result_rate, self.status.frame_rate if self.status else None]
        return stale_after(min((rate for rate in rates if rate), default=None))

    def banner(self, now: float) -> Banner:
        """The link's state as it is now."""
        if self.first_seen is None:
            return Banner("WAITING", "notice", self._absent())
        if self.lost(now):
            detail = f"no status for {ago(self._without_status(now))}"
            if self._others:
                detail += f"; {self._absent()}"
            elif self.refusal:
                detail += f"; {self.refusal}"
            return Banner("NODE LOST", "alarm", detail)
        status = self.status
        if status is not None and status.state == "FAULT":
            return Banner("FAULT", "alarm", "; ".join(status.reasons))
        age = self.result_age(now)
        if age is not None and age > self.stale_after:
            reasons = "".join(f"; {reason}" for reason in (status.reasons if status else ()))
            return Banner("STALE", "warning", f"no new result for {ago(age)}{reasons}")
        if status is None:
            return Banner("CONNECTED", "notice", "no status yet")
        replay = "REPLAY, " if status.origin == "replay" and status.state != "REPLAY" else ""
        return Banner(replay + status.state, _LEVELS.get(status.state, "notice"), "; ".join(status.reasons))

    def _absent(self) -> str:
        if self._others:
            return f"source {self.source!r} does not send here; {', '.join(self.other_sources)} does"
        return f"for {self.address}" + (f": {self.refusal}" if self.refusal else "")

    @property
    def _gap_after(self) -> float:
        return max(GAP_PERIODS * (self.period or 0.0), _GAP_AT_LEAST)

    def _without_status(self, now: float) -> float:
        return 0.0 if self.first_seen is None else now - max(self.status_at, self.first_seen)


def _fusion_of(configuration: str) -> float | None:
    try:
        return float(json.loads(configuration)["fusion"]["time_constant"])
    except (ValueError, LookupError, TypeError):
        return None
