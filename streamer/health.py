"""How the node is, decided from counts and times that are given to it; nothing here reads a clock."""

from collections import Counter, deque

from streamer.frame_counters import Counts
from streamer.headers import NO_SOURCE, Origin, RfHeader, StateName

STALE_PERIODS = 10  # frame periods without a frame
STALE_AT_MOST = 0.5  # s
STALE_AT_LEAST = 0.1  # s; frames that come in bursts seem to have a very short period
RATE_FRAMES = 32  # arrivals that the frame rate is measured over
JUDGED_OVER = 5.0  # s of recent past that DEGRADED looks at
TOO_MANY = 0.05  # share of frames lost, refused or overwritten that an operator should know of
FAULT_AFTER = 10  # engine errors in a row


class Health:
    """Arrival rate, age and state. `frame_accepted` is for the receiver thread, the rest for the main one."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=RATE_FRAMES)
        self._past: deque[tuple[float, Counts]] = deque()
        self.origin: Origin = "live"
        self._engine_errors = 0
        self.source_id = NO_SOURCE
        self.building = False
        self.fault: str | None = None
        """Why no result can come until something changes; None while all is well."""

    def frame_accepted(self, header: RfHeader, now: float) -> None:
        """A frame went into the ring."""
        self._arrivals.append(now)
        self.origin, self.source_id = header.origin, header.source_id

    def pair_judged(self, rejection: str | None) -> None:
        """A pair was published with this rejection."""
        self._engine_errors = self._engine_errors + 1 if rejection == "engine_error" else 0

    def frame_rate(self) -> float | None:
        """Hz, over the last arrivals; None before two frames came."""
        arrivals = list(self._arrivals)
        span = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        return (len(arrivals) - 1) / span if span > 0 else None

    def frame_age(self, now: float) -> float | None:
        """Seconds since the last accepted frame; None before any."""
        arrivals = list(self._arrivals)
        return max(0.0, now - arrivals[-1]) if arrivals else None

    def state(self, counts: Counts, now: float) -> tuple[StateName, tuple[str, ...]]:
        """The state, and what an operator should know of. Call it at the fixed status rate."""
        troubles = self._troubles(counts, now)
        age, rate = self.frame_age(now), self.frame_rate()
        period = 1.0 / rate if rate else STALE_AT_MOST
        state: StateName = "REPLAY" if self.origin == "replay" else "LIVE"
        reasons: tuple[str, ...] = ()
        if self.fault is not None:
            state, reasons = "FAULT", (self.fault,)
        elif self._engine_errors >= FAULT_AFTER:
            state = "FAULT"
            reasons = (f"the engine failed on {self._engine_errors} pairs in a row: see the log",)
        elif self.building:
            state = "BUILDING"
        elif age is None:
            state, reasons = "WAITING", troubles  # frames may come and all be refused
        elif age > min(max(STALE_PERIODS * period, STALE_AT_LEAST), STALE_AT_MOST):
            state, reasons = "STALE", troubles
        elif troubles:
            state, reasons = "DEGRADED", troubles
        return state, reasons

    def _troubles(self, counts: Counts, now: float) -> tuple[str, ...]:
        self._past.append((now, counts))
        while now - self._past[0][0] > JUDGED_OVER:
            self._past.popleft()
        first = self._past[0][1]
        refused = Counter(counts.refused)
        refused.subtract(first.refused)
        sent = counts.received + counts.lost - first.received - first.lost
        told = {
            "lost on the link": counts.lost - first.lost,
            f"refused, most as {max(refused, key=refused.__getitem__, default='')}": refused.total(),
            "overwritten: the engine is slower than the scanner": counts.overwritten - first.overwritten,
        }
        troubles = [
            f"{n} of {sent} frames {what}" for what, n in told.items() if sent and n > TOO_MANY * sent
        ]
        if self._engine_errors:
            troubles.append(f"engine failed on the last {self._engine_errors} pairs")
        return tuple(troubles)
