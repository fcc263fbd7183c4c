"""From messages and a clock to what is to be shown. No socket, no window; the clock is passed in.

Link and age are judged by the display itself, from arrival times: a node that hangs cannot tell.
    NODE LOST   no status for 1.2 s
    STALE       no result for 10 frame periods, at most 0.5 s
    held        the newest pair brought no image: the last good one stays, its reason beside it; greyed at
                once after a rejection, after 0.5 s where the pair was only too weak for an image of its own
The fused image stays in colour for a second where the hand merely rests or turns: it is made to carry on.
"""

from collections import deque
from dataclasses import InitVar, dataclass, field
from typing import Final

from streamer.headers import NO_SOURCE, BmodeHeader, FusedHeader, StatusHeader, StrainHeader
from streamer.subscriber import Received
from streamer.wire import Message
from tools.display.options import IMAGES, DisplayOptions, ImageKind
from tools.display.strain_image import (
    HeldRange,
    StrainImage,
    fused_image,
    hold_reason,
    persist,
    strain_image,
)
from tools.display.view import TRACE_SECONDS, Banner, BmodeImage, Level, Rates, TracePoint, View

NODE_LOST_AFTER: Final = 1.2  # s without status
STALE_PERIODS: Final = 10  # frame periods without a result
STALE_AT_MOST: Final = 0.5  # s
_STALE_AT_LEAST: Final = 0.1  # s: this display looks about 30 times a second, faster judgement would flicker
_GREY_AFTER: Final = 0.5  # s that an image may stand in colour while pairs are too weak to replace it
_FUSED_GREY_AFTER: Final = 1.0  # s that a fused image may, while the hand rests or turns
_NOTICE_SECONDS: Final = 4.0

_LEVELS: Final[dict[str, Level]] = {
    "LIVE": "good",
    "REPLAY": "good",
    "DEGRADED": "warning",
    "STALE": "warning",
    "FAULT": "alarm",
}


@dataclass(eq=False, slots=True)
class _Shown:
    """One kind of image: the last good one, and why the newest pair brought none."""

    at: float
    """Clock time of the image; before the first, of the start."""
    range_max: InitVar[float]
    range: HeldRange = field(init=False)
    image: StrainImage | None = None
    held: str | None = None

    def __post_init__(self, range_max: float) -> None:
        self.range = HeldRange(range_max)


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
        self._bmode: BmodeImage | None = None
        self._images = {kind: _Shown(now, options.range_max) for kind in IMAGES}
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
            for shown in self._images.values():
                shown.range = HeldRange(options.range_max, shown.range.percent)
        self.options = options

    def toggle_freeze(self, now: float) -> None:
        """Hold image, B-mode and trace as they are, or go on."""
        self._frozen_at = now if self._frozen_at is None else None

    def emit(self, notice: str, now: float) -> None:
        """Show a passing message to the viewer, such as where an image was saved."""
        self._notice = (notice, now)

    def view(self, now: float, skipped: int = 0, refused: int = 0) -> View:
        """What is to be shown at clock time `now`."""
        banner = self._banner(now)
        shown = self._shown()
        image = shown.image
        held_for = 0.0 if shown.held is None else now - shown.at
        late = self._lost(now) or self._stale(now)
        greyed = self._frozen_at is None and (late or self._outdated(shown, held_for))
        percent = self.options.value == "percent"
        drawn = image or self._bmode
        region = self.options.region_on(drawn.grid.probe_type) if drawn else None
        if region is None and image is not None:
            region = image.region
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
            strain=image,
            held=shown.held,
            held_for=held_for,
            greyed=greyed,
            frozen=self._frozen_at is not None,
            range_top=(shown.range.percent or 1.0) if percent else shown.range.normalised,
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
        """The first source that sends is the one shown, unless one was named: two images never mix."""
        if source_id == NO_SOURCE:
            return True  # the status of a node that has no frames yet
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
                self._bmode = BmodeImage(image, header.grid, header.dynamic_range_db)
            return
        if isinstance(header, StrainHeader):
            self._newest = header
            region = self.options.region_on(header.grid.probe_type) if header.grid else None
            self._take("pair", strain_image(message, region), now)
            if header.rejection is not None:
                self._images["fused"].held = hold_reason(header)
        elif isinstance(header, FusedHeader):
            region = self.options.region_on(header.grid.probe_type)
            self._take("fused", fused_image(message, region), now)

    def _take(self, kind: ImageKind, image: StrainImage | str, now: float) -> None:
        """A new image of one kind, or the reason why there is none."""
        shown = self._images[kind]
        if isinstance(image, str):
            shown.held = image
            return
        elapsed = now - shown.at
        image = persist(shown.image, image, elapsed, self.options.persistence)
        if self.options.range_mode == "held" or shown.range.percent is None:
            first = shown.image is None
            shown.range = shown.range.follow(image, self.options.range_max, 0.0 if first else elapsed)
        shown.image, shown.at, shown.held = image, now, None

    def _shown(self) -> "_Shown":
        """The image that the viewer asked for; the single pair's where no fused one has come."""
        fused = self._images["fused"]
        wanted = self.options.image == "fused" and self.options.value == "normalised"
        return fused if wanted and fused.image is not None else self._images["pair"]

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
        replay = "REPLAY, " if status.origin == "replay" and status.state != "REPLAY" else ""
        return Banner(replay + status.state, _LEVELS.get(status.state, "notice"), "; ".join(status.reasons))

    def _outdated(self, shown: "_Shown", held_for: float) -> bool:
        """Whether the newest pair says that the image no longer shows what is under the probe."""
        newest, image = self._newest, shown.image
        if shown.held is None or newest is None or image is None:
            return False
        if image.session_id != newest.session_id:
            return True
        if image.pairs is not None and newest.rejection in (None, "no_motion"):
            return held_for > _FUSED_GREY_AFTER
        return newest.rejection is not None or held_for > _GREY_AFTER

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
