"""From messages and a clock to what is to be shown. No socket, no window; the clock is passed in.

Link and age are judged by the display itself, from arrival times: a node that hangs cannot tell.
    NODE LOST   no status for 1.2 s
    STALE       no result for 10 frame periods, at most 0.5 s
    held        the newest pair brought no picture: the last good one stays, its reason beside it; greyed at
                once after a rejection, after 0.5 s where the pair was only too weak for a picture of its own
"""

from collections import deque
from typing import Final

from streamer.headers import BmodeHeader, StatusHeader, StrainHeader
from streamer.subscriber import Received
from streamer.wire import Message
from tools.display.options import DisplayOptions
from tools.display.picture import HeldRange, StrainPicture, persist, strain_picture
from tools.display.view import TRACE_SECONDS, Banner, BmodePicture, Level, Rates, TracePoint, View

NODE_LOST_AFTER: Final = 1.2  # s without status
STALE_PERIODS: Final = 10  # frame periods without a result
STALE_AT_MOST: Final = 0.5  # s
_STALE_AT_LEAST: Final = 0.1  # s: this display looks about 30 times a second, faster judgement would flicker
_GREY_AFTER: Final = 0.5  # s that a picture may stand in colour while pairs are too weak to replace it
_NOTICE_SECONDS: Final = 4.0

_LEVELS: Final[dict[str, Level]] = {
    "LIVE": "good",
    "REPLAY": "good",
    "DEGRADED": "warning",
    "STALE": "warning",
    "FAULT": "alarm",
}


class DisplayState:
    """What the display knows. One thread."""

    def __init__(
        self, options: DisplayOptions, *, address: str, now: float, source: str | None = None
    ) -> None:
        self.options = options
        self.results = 0
        """Strain messages that arrived, rejected pairs too."""
        self.first_result_at: float | None = None
        """Clock time of the first strain message; None before it."""
        self._address = address
        self._started_at = self._updated_at = now
        self._source = source
        self._other_sources: set[str] = set()
        self._first_seen: float | None = None
        self._status: StatusHeader | None = None
        self._status_at = now
        self._arrivals: deque[float] = deque(maxlen=50)
        self._newest: StrainHeader | None = None
        self._bmode: BmodePicture | None = None
        self._picture: StrainPicture | None = None
        self._picture_at = now
        self._held: str | None = None
        self._range = HeldRange(options.range_max)
        self._trace: deque[TracePoint] = deque()
        self._frozen_at: float | None = None
        self._notice = ("", now)

    def update(self, received: Received, now: float) -> None:
        """Take in what one poll brought at clock time `now` (s)."""
        messages = [message for message in received.messages if self._ours(message.header.source_id)]
        headers = [header for header in received.strain_headers if self._ours(header.source_id)]
        if messages and self._first_seen is None:
            self._first_seen = now
        self._count(headers, now)
        for message in messages:
            if isinstance(message.header, StatusHeader):
                self._status, self._status_at = message.header, now
            elif self._frozen_at is None:
                self._show(message, now)
        self._updated_at = now

    def change(self, options: DisplayOptions) -> None:
        """Take new options; a new range_max is shown at once."""
        if options.range_max != self.options.range_max:
            self._range = HeldRange(options.range_max, self._range.percent)
        self.options = options

    def toggle_freeze(self, now: float) -> None:
        """Hold picture, B-mode and trace as they are, or go on."""
        self._frozen_at = now if self._frozen_at is None else None

    def tell(self, notice: str, now: float) -> None:
        """Show a passing message to the viewer, such as where a picture was saved."""
        self._notice = (notice, now)

    def view(self, now: float, skipped: int = 0, refused: int = 0) -> View:
        """What is to be shown at clock time `now`."""
        banner = self._banner(now)
        held_for = 0.0 if self._held is None else now - self._picture_at
        late = self._lost(now) or self._stale(now)
        greyed = self._frozen_at is None and (late or self._outdated(held_for))
        percent = self.options.value == "percent"
        shown = self._picture or self._bmode
        region = self.options.region_on(shown.grid.probe_type) if shown else None
        if region is None and self._picture is not None:
            region = self._picture.region
        newest, status = self._newest, self._status
        return View(
            options=self.options,
            now=now,
            trace_end=now if self._frozen_at is None else self._frozen_at,
            address=self._address,
            source=self._source,
            banner=banner,
            waiting=self._waiting(now),
            bmode=self._bmode,
            strain=self._picture,
            held=self._held,
            held_for=held_for,
            greyed=greyed,
            frozen=self._frozen_at is not None,
            range_top=(self._range.percent or 1.0) if percent else self._range.normalised,
            region=region,
            trace=tuple(self._trace),
            mean_strain=newest.mean_strain if newest else None,
            quality=newest.quality if newest else None,
            predicted_snre=newest.predicted_snre if newest else None,
            engine=f"{newest.engine} ({newest.precision})" if newest else (status.engine if status else ""),
            assumed=newest.assumed if newest else (),
            status=status,
            rates=Rates(self._frame_age(now), self._result_rate()),
            skipped=skipped,
            refused=refused,
            other_sources=tuple(sorted(self._other_sources)),
            notice=self._notice[0] if now - self._notice[1] < _NOTICE_SECONDS else "",
        )

    def _ours(self, source_id: str) -> bool:
        """The first source that sends is the one shown, unless one was named: two pictures never mix."""
        if self._source is None:
            self._source = source_id
        if source_id != self._source:
            self._other_sources.add(source_id)
        return source_id == self._source

    def _count(self, headers: list[StrainHeader], now: float) -> None:
        # Several results of one poll came at times nobody saw: spread over the poll, the trace stays even.
        step = (now - self._updated_at) / len(headers) if headers else 0.0
        for position, header in enumerate(headers, start=1):
            arrived = self._updated_at + position * step
            self.results += 1
            if self.first_result_at is None:
                self.first_result_at = now
            self._arrivals.append(arrived)
            if self._frozen_at is None:
                mean = None if header.rejection is not None else header.mean_strain
                self._trace.append(TracePoint(arrived, mean))
        while self._trace and self._frozen_at is None and self._trace[0].time < now - TRACE_SECONDS:
            self._trace.popleft()

    def _show(self, message: Message, now: float) -> None:
        header = message.header
        if isinstance(header, BmodeHeader):
            image = message.arrays.get("bmode")
            if image is not None:
                self._bmode = BmodePicture(image, header.grid, header.dynamic_range_db)
            return
        if not isinstance(header, StrainHeader):
            return
        self._newest = header
        region = self.options.region_on(header.grid.probe_type) if header.grid else None
        picture = strain_picture(message, region)
        if isinstance(picture, str):
            self._held = picture
            return
        elapsed = now - self._picture_at
        picture = persist(self._picture, picture, elapsed, self.options.persistence)
        if self.options.range_mode == "held" or self._range.percent is None:
            first = self._picture is None
            self._range = self._range.follow(picture, self.options.range_max, 0.0 if first else elapsed)
        self._picture, self._picture_at, self._held = picture, now, None

    def _banner(self, now: float) -> Banner:
        if self._first_seen is None:
            return Banner("WAITING", "notice", f"for {self._address}")
        if self._lost(now):
            return Banner("NODE LOST", "alarm", f"no status for {self._without_status(now):.1f} s")
        status = self._status
        if status is not None and status.state == "FAULT":
            return Banner("FAULT", "alarm", "; ".join(status.reasons))
        if self._stale(now):
            return Banner("STALE", "warning", f"no new result for {now - self._arrivals[-1]:.1f} s")
        if status is None:
            return Banner("CONNECTED", "notice", "no status yet")
        return Banner(status.state, _LEVELS.get(status.state, "notice"), "; ".join(status.reasons))

    def _outdated(self, held_for: float) -> bool:
        """Whether the newest pair says that the picture no longer shows what is under the probe."""
        newest, picture = self._newest, self._picture
        if self._held is None or newest is None or picture is None:
            return False
        other = picture.session_id != newest.session_id
        return other or newest.rejection is not None or held_for > _GREY_AFTER

    def _without_status(self, now: float) -> float:
        return 0.0 if self._first_seen is None else now - max(self._status_at, self._first_seen)

    def _lost(self, now: float) -> bool:
        return self._without_status(now) > NODE_LOST_AFTER

    def _stale(self, now: float) -> bool:
        return bool(self._arrivals) and now - self._arrivals[-1] > self._stale_after()

    def _stale_after(self) -> float:
        rates = [self._result_rate(), self._status.frame_rate if self._status else None]
        known = [rate for rate in rates if rate]
        limit = STALE_PERIODS / min(known) if known else STALE_AT_MOST
        return min(max(limit, _STALE_AT_LEAST), STALE_AT_MOST)

    def _result_rate(self) -> float | None:
        if len(self._arrivals) < 2 or self._arrivals[-1] <= self._arrivals[0]:
            return None
        return (len(self._arrivals) - 1) / (self._arrivals[-1] - self._arrivals[0])

    def _frame_age(self, now: float) -> float | None:
        """Status and results both tell how old the newest frame is; the younger evidence counts."""
        ages = []
        if self._status is not None and self._status.frame_age is not None:
            ages.append(self._status.frame_age + now - self._status_at)
        if self._newest is not None and self._arrivals:
            ages.append(sum(self._newest.stage_seconds.values()) + now - self._arrivals[-1])
        return min(ages) if ages else None

    def _waiting(self, now: float) -> tuple[str, ...]:
        if self._bmode is not None or self._newest is not None:
            return ()
        waited = f"waited {now - self._started_at:.0f} s"
        if self._status is None or self._lost(now):
            hint = "Start a node with: musse-stream run     or the demonstration: musse-stream demo"
            return ("Waiting for strain results", f"from {self._address}", hint, waited)
        reasons = "; ".join(self._status.reasons) or "no strain result has come yet"
        return ("Connected, waiting for the first result", f"from {self._address}", reasons, waited)
