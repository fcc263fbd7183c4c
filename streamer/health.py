"""How the node is, decided from counts and times that are given to it; nothing here reads a clock."""

from collections import Counter, deque
from collections.abc import Mapping

from streamer.frame_counters import Counts
from streamer.headers import NO_SOURCE, Origin, RfHeader
from streamer.reasons import RESTARTS, Rejection, Restart, StateName

STALE_PERIODS = 10  # frame periods without a frame
STALE_AT_MOST = 0.5  # s
STALE_AT_LEAST = 0.1  # s; frames in bursts seem to have a very short period, and displays would flicker
RATE_FRAMES = 32  # arrivals that the frame rate is measured over
JUDGED_OVER = 5.0  # s of recent past that DEGRADED looks at
BURST_FRAMES = 8  # arrivals that are compared with their acquisition times
BURST_FACTOR = 2.0  # acquired over so many times the time of their arrival: they had been waiting somewhere
MAX_OTHERS = 8  # names of other sources in a reason
TOO_MANY = 0.05  # share of frames lost, refused or overwritten that is reported to the operator
RESTART_SHOWN = 30.0  # s
FAULT_AFTER = 10  # engine errors in a row


def stale_after(rate: float | None) -> float:
    """Seconds without a frame or result, at this rate (Hz; None: unknown), after which a stream is stale."""
    return min(max(STALE_PERIODS / rate, STALE_AT_LEAST), STALE_AT_MOST) if rate else STALE_AT_MOST


class Health:
    """Arrival rate, age and state. `frame_accepted` is for the receiver thread, the rest for the main one."""

    def __init__(self, address: str = "", source: str = "") -> None:
        self._address = address
        self._wanted = source
        self._others: tuple[str, ...] = ()
        self.peer = ""
        """What is known of the other end of the RF link, in words; replaced by the receiver thread."""
        self._arrivals: deque[float] = deque(maxlen=RATE_FRAMES)
        self._acquired: deque[tuple[str, int]] = deque(maxlen=RATE_FRAMES)
        self._passed_over = _PassedOver()
        self._results = 0
        self._past: deque[tuple[float, Counts, int, int]] = deque()
        self.origin: Origin = "live"
        self._engine_errors = 0
        self.source_id = NO_SOURCE
        self.engine = ("none", "")
        """Name of the engine that runs or is to run, and why it was taken."""
        self.precision = ""
        """Arithmetic of the engine that runs; empty before there is one."""
        self.device = ""
        """Where the engine computes; empty before it is built."""
        self.building = False
        self.progress = ""
        """What is done beside the stream while an engine is built; "" where there is nothing to add."""
        self.fault: str | None = None
        """Why no result can come until something changes; None while all is well."""
        self._restarted: tuple[str, ...] = ()
        self._first_asked: float | None = None
        self.insecure: tuple[str, ...] = ()
        """Links without encryption that other computers reach, a reason each."""
        self.pairing_note = ""
        """Why pairs lie closer than configured; '' where they do not."""
        self.closed = ""
        """Why nobody new can connect, or only this computer's own programs; "" while others can."""

    def restarted(self, restarts: Mapping[Restart, int]) -> None:
        """This node replaces others, which ended for these reasons; shown for the first `RESTART_SHOWN` s."""
        self._restarted = tuple(
            f"started again ({count} so far): {RESTARTS[reason]}"
            for reason, count in restarts.items()
            if count
        )

    def frame_accepted(self, header: RfHeader, now: float) -> None:
        """A frame went into the ring."""
        self._arrivals.append(now)
        self._acquired.append((header.clock, header.t_acq))
        self.origin, self.source_id = header.origin, header.source_id

    def other_source(self, source_id: str) -> None:
        """A source that is not listened to sends on the same link."""
        if source_id not in self._others and len(self._others) < MAX_OTHERS:
            self._others = (*self._others, source_id)

    def pair_published(self, rejection: Rejection | None) -> None:
        """A pair was published with this rejection."""
        self._results += 1
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
        """The state, and the reasons reported to the operator. Call it at the fixed status rate."""
        self._passed_over.update(
            counts.overwritten, self._results, building=self.building, burst=self._burst()
        )
        troubles = self._troubles(counts, now)
        age, rate = self.frame_age(now), self.frame_rate()
        state: StateName = "REPLAY" if self.origin == "replay" else "LIVE"
        reasons: tuple[str, ...] = ()
        if self.fault is not None:
            state, reasons = "FAULT", (self.fault,)
        elif self._engine_errors >= FAULT_AFTER:
            state = "FAULT"
            reasons = (f"the engine failed on {self._engine_errors} pairs in a row: see the log",)
        elif self.building:
            state, reasons = "BUILDING", (self.progress,) if self.progress else ()
        elif age is None:
            state, reasons = "WAITING", (*self._nothing_came(counts), *troubles)
        elif age > stale_after(rate):
            state, reasons = "STALE", (*self._nothing_came(counts), *troubles)
        elif troubles:
            state, reasons = "DEGRADED", troubles
        closed = (self.closed,) * bool(self.closed)
        if self._first_asked is None:
            self._first_asked = now
        restarted = self._restarted if now - self._first_asked < RESTART_SHOWN else ()
        notes = (self.pairing_note,) * bool(self.pairing_note)
        return state, (*reasons, *restarted, *closed, *notes, *self.insecure)

    def _nothing_came(self, counts: Counts) -> tuple[str, ...]:
        """Where frames are awaited, and what has come instead."""
        if not self._address:
            return ()
        wanted = f" of source {self._wanted!r}" if self._wanted else ""
        peer = f": {self.peer}" if self.peer else ""
        others = f"; other sources that send: {', '.join(self._others)}" if self._others else ""
        if not counts.received:
            return (f"no RF frame{wanted} has come from {self._address}{peer}",)
        came = f"{counts.received} came, {sum(counts.refused.values())} refused{others}"
        return (f"no new RF frame{wanted} from {self._address}{peer}; {came}",)

    def _burst(self) -> bool:
        """Whether the last frames came much faster than they were acquired."""
        arrivals, acquired = list(self._arrivals), list(self._acquired)
        count = min(len(arrivals), len(acquired), BURST_FRAMES)
        if count < BURST_FRAMES or acquired[-1][0] != acquired[-count][0]:
            return False
        took = arrivals[-1] - arrivals[-count]
        return (acquired[-1][1] - acquired[-count][1]) * 1e-9 > BURST_FACTOR * took

    def _troubles(self, counts: Counts, now: float) -> tuple[str, ...]:
        self._past.append((now, counts, self._passed_over.excused, self._passed_over.burst))
        while now - self._past[0][0] > JUDGED_OVER:
            self._past.popleft()
        _, first, excused, burst = self._past[0]
        excused, burst = self._passed_over.excused - excused, self._passed_over.burst - burst
        refused = Counter(counts.refused)
        refused.subtract(first.refused)
        sent = counts.received + counts.lost - first.received - first.lost
        shares = {
            "lost on the link": counts.lost - first.lost,
            f"refused, most as {max(refused, key=refused.__getitem__, default='')}": refused.total(),
            "skipped: the engine is slower than the scanner": counts.overwritten
            - first.overwritten
            - excused
            - burst,
            "came in a burst, after a pause of the sender or this computer; the newest were taken": burst,
        }
        troubles = [
            f"{n} of {sent} frames {what}" for what, n in shares.items() if sent and n > TOO_MANY * sent
        ]
        if self._engine_errors:
            troubles.append(f"engine failed on the last {self._engine_errors} pairs")
        return tuple(troubles)


class _PassedOver:
    """Overwritten frames that are no fault of the engine's speed: while it was built, and in bursts."""

    def __init__(self) -> None:
        self.excused = 0
        """Overwritten while the engine was built, until the first pairs after it went through."""
        self.burst = 0
        self._seen = 0
        self._settled_at: int | None = None  # results, by when what waited during the building is counted

    def update(self, overwritten: int, results: int, *, building: bool, burst: bool) -> None:
        """Assign what was overwritten since the last call to its cause."""
        new, self._seen = overwritten - self._seen, overwritten
        if building:
            self._settled_at = results + 2
        if self._settled_at is not None:
            self.excused += new
            if results >= self._settled_at and not building:
                self._settled_at = None
        elif burst:
            self.burst += new
