"""How the node is, decided from counts and times that are given to it; nothing here reads a clock."""

from collections import deque
from dataclasses import dataclass

from streamer.accounts import Accounts
from streamer.headers import RfHeader, StateName

STALE_PERIODS = 10  # frame periods without a frame
STALE_AT_MOST = 0.5  # s
RATE_FRAMES = 32  # arrivals that the frame rate is measured over
JUDGED_OVER = 5.0  # s of recent past that DEGRADED looks at
TOO_MANY = 0.05  # share of frames lost, refused or overwritten that an operator should know of
FAULT_AFTER = 10  # engine errors in a row


@dataclass(frozen=True, slots=True)
class _Counts:
    time: float
    received: int
    lost: int
    refused: int
    overwritten: int


class Condition:
    """Arrival rate, age and state. `frame_accepted` is for the receiver thread, the rest for the main one."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=RATE_FRAMES)
        self._past: deque[_Counts] = deque()
        self._origin = "live"
        self._engine_errors = 0
        self.source_id = "none"
        self.building = False
        self.fault: str | None = None
        """Why no result can come until something changes; None while all is well."""

    def frame_accepted(self, header: RfHeader, now: float) -> None:
        """A frame went into the ring."""
        self._arrivals.append(now)
        self._origin, self.source_id = header.origin, header.source_id

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

    def state(self, accounts: Accounts, now: float) -> tuple[StateName, tuple[str, ...]]:
        """The state and, for DEGRADED and FAULT, why. Call it at the fixed status rate."""
        troubles = self._troubles(accounts, now)
        age, rate = self.frame_age(now), self.frame_rate()
        period = 1.0 / rate if rate else STALE_AT_MOST
        state: StateName = "REPLAY" if self._origin == "replay" else "LIVE"
        reasons: tuple[str, ...] = ()
        if self.fault is not None:
            state, reasons = "FAULT", (self.fault,)
        elif self._engine_errors >= FAULT_AFTER:
            state = "FAULT"
            reasons = (f"the engine failed on {self._engine_errors} pairs in a row: see the log",)
        elif self.building:
            state = "BUILDING"
        elif age is None:
            state = "WAITING"
        elif age > min(STALE_PERIODS * period, STALE_AT_MOST):
            state = "STALE"
        elif troubles:
            state, reasons = "DEGRADED", troubles
        return state, reasons

    def _troubles(self, accounts: Accounts, now: float) -> tuple[str, ...]:
        counts = _Counts(
            now, accounts.received, accounts.lost, sum(accounts.refused.values()), accounts.overwritten
        )
        self._past.append(counts)
        while now - self._past[0].time > JUDGED_OVER:
            self._past.popleft()
        first = self._past[0]
        sent = counts.received + counts.lost - first.received - first.lost
        told = {
            "lost on the link": counts.lost - first.lost,
            "refused": counts.refused - first.refused,
            "overwritten: the engine is slower than the scanner": counts.overwritten - first.overwritten,
        }
        troubles = [
            f"{n} of {sent} frames {what}" for what, n in told.items() if sent and n > TOO_MANY * sent
        ]
        if self._engine_errors:
            troubles.append(f"engine failed on the last {self._engine_errors} pairs")
        return tuple(troubles)
