"""What became of every frame. Plain counts that status messages, metrics and summaries all read.

The rule, at any quiet moment: received = refused + overwritten + published (valid or not) + in flight.
Lost frames (holes in frame_index) stand outside: sent = received + lost.
"""

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

RECENT = 1024  # results that latency percentiles are taken over


@dataclass(eq=False)
class Accounts:
    """Counts of one run of the node. Every method may be called from any thread."""

    received: int = 0
    lost: int = 0
    overwritten: int = 0
    published_valid: int = 0
    link_resets: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def frame_received(self) -> None:
        """One message came on the RF link, good or not."""
        with self._lock:
            self.received += 1

    def frames_lost(self, count: int) -> None:
        """Holes in frame_index."""
        with self._lock:
            self.lost += count

    def frame_refused(self, reason: str) -> None:
        """A received message will not be used."""
        with self._lock:
            self.refused[reason] += 1

    def frames_overwritten(self, count: int) -> None:
        """Accepted frames that will never become a post."""
        with self._lock:
            self.overwritten += count

    def link_reset(self) -> None:
        """The RF link broke and was made anew."""
        with self._lock:
            self.link_resets += 1

    def result_published(self, rejection: str | None, latency: float) -> None:
        """A strain message went out; `latency` in seconds since its post frame was received."""
        with self._lock:
            if rejection is None:
                self.published_valid += 1
            else:
                self.rejected[rejection] += 1
            self._latencies.append(latency)

    @property
    def published_no_value(self) -> int:
        """Strain messages that carry a reason instead of a map."""
        return sum(self.rejected.values())

    @property
    def in_flight(self) -> int:
        """Frames received whose end is still open."""
        with self._lock:
            settled = sum(self.refused.values()) + self.overwritten + self.published_valid
            return self.received - settled - sum(self.rejected.values())

    def latency(self, percentile: float) -> float | None:
        """Seconds from a frame's arrival to its strain being sent, over the last results; None before any."""
        with self._lock:
            recent = list(self._latencies)
        return float(np.percentile(recent, percentile)) if recent else None
