"""What became of every frame. Plain counts that status messages, metrics and summaries all read.

The rule, at any quiet moment: received = refused + overwritten + published (valid or not) + in flight.
Lost frames (holes in frame_index) stand outside: sent = received + lost, as long as nothing came late. A
frame that comes after a later one was lost when its hole was seen, and is refused as backwards when it comes.
"""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from streamer.reasons import Refusal, Rejection

RECENT = 1024  # results that latency percentiles are taken over
MAX_LOST = 2**62  # a sender that lies about frame_index must not push the count beyond 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """All counts at one moment: they fit together, whatever other threads do meanwhile."""

    received: int
    """Messages on the RF link, good or not."""
    lost: int
    overwritten: int
    published_valid: int
    link_resets: int
    refused: Mapping[Refusal, int]
    """Per reason; reasons that never came are missing."""
    rejected: Mapping[Rejection, int]

    @property
    def published_no_value(self) -> int:
        """Strain messages that carry a reason instead of a map."""
        return sum(self.rejected.values())

    @property
    def in_flight(self) -> int:
        """Frames received whose end is still open."""
        settled = sum(self.refused.values()) + self.overwritten + self.published_valid
        return self.received - settled - self.published_no_value


class FrameCounters:
    """Counts of one run of the node. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._received = self._lost = self._overwritten = self._published_valid = self._link_resets = 0
        self._refused: Counter[Refusal] = Counter()
        self._rejected: Counter[Rejection] = Counter()
        self._latencies: deque[float] = deque(maxlen=RECENT)
        self._lock = threading.Lock()

    def frame_received(self) -> None:
        """One message came on the RF link, good or not."""
        with self._lock:
            self._received += 1

    def frames_lost(self, count: int) -> None:
        """Holes in frame_index."""
        with self._lock:
            self._lost = min(self._lost + count, MAX_LOST)

    def frame_refused(self, reason: Refusal) -> None:
        """A received message will not be used."""
        with self._lock:
            self._refused[reason] += 1

    def frames_overwritten(self, count: int) -> None:
        """Accepted frames that will never become a post."""
        with self._lock:
            self._overwritten += count

    def link_reset(self) -> None:
        """The RF link broke and its socket was replaced."""
        with self._lock:
            self._link_resets += 1

    def result_published(self, rejection: Rejection | None, latency: float) -> None:
        """A strain message went out; `latency` in seconds since its post frame was received."""
        with self._lock:
            if rejection is None:
                self._published_valid += 1
            else:
                self._rejected[rejection] += 1
            self._latencies.append(latency)

    def counts(self) -> Counts:
        """All counts now."""
        with self._lock:
            return Counts(
                received=self._received,
                lost=self._lost,
                overwritten=self._overwritten,
                published_valid=self._published_valid,
                link_resets=self._link_resets,
                refused=dict(self._refused),
                rejected=dict(self._rejected),
            )

    def latency(self, percentile: float) -> float | None:
        """Seconds from a frame's arrival to its strain being sent, over the last results; None before any."""
        with self._lock:
            recent = list(self._latencies)
        return float(np.percentile(recent, percentile)) if recent else None
