"""From messages and a clock to what is to be shown. No socket, no window; the clock is passed in.

Window and page show what this module decides. Every element greys by its own age:
    NODE LOST, STALE   strain and its numbers, B-mode, rates
    held               the newest pairs brought no image: strain and its numbers, after 1 s
    frozen             nothing: a frozen image is the one that is read and measured
Frozen after the stream has stopped, the last image comes back in full colour, marked REVIEW.
"""

from collections import deque
from dataclasses import replace
from typing import Final

from streamer.headers import BmodeHeader, FusedHeader, StatusHeader, StrainHeader
from streamer.subscriber import Received
from streamer.wire import Message
from tools.display.bmode import BmodeImages
from tools.display.guidance import advice
from tools.display.link import Link
from tools.display.options import DisplayOptions
from tools.display.shown import Shown, ShownImages, in_new_region
from tools.display.strain_image import fused_image, hold_reason, strain_image
from tools.display.text import engine_text
from tools.display.view import TRACE_SECONDS, Age, Ages, BmodeImage, Frozen, Rates, TracePoint, View, others

HELD_AFTER: Final = 1.0  # s that an image stands in colour while pairs are rejected
_NOTICE_SECONDS: Final = 4.0
_SOURCE_NOTICE_SECONDS: Final = 15.0  # another source is another patient or probe: it must not be missed


class DisplayState:
    """Everything the display has received and decided. One thread.

    `now` is any clock in s; `unix_offset` added to it gives the time of day.
    """

    def __init__(
        self,
        options: DisplayOptions,
        *,
        address: str,
        now: float,
        source: str | None = None,
        unix_offset: float = 0.0,
    ) -> None:
        self.options = options
        self.results = 0
        """Strain messages that arrived, rejected pairs too."""
        self.first_result_at: float | None = None
        """Clock time of the first strain message; None before it."""
        self.link = Link(address, source, now)
        self.pointer: tuple[float, float] | None = None
        """x and z in mm under the mouse pointer."""
        self.seconds_kept: float | None = None
        """s that a tape process beside the node holds; None without one."""
        self.recording = False
        """Whether a recording runs beside the node."""
        self._offset = unix_offset
        self._started_at = now
        self._frozen: View | None = None
        self._frozen_at = now
        self._notice = ("", now)
        self._forget(now)

    def _forget(self, now: float) -> None:
        self._newest: StrainHeader | None = None
        self._bmodes = BmodeImages()
        self._images = ShownImages(now, self.options.range_max)
        self._trace: deque[TracePoint] = deque()

    def update(self, received: Received, now: float) -> None:
        """Take in what one poll brought at clock time `now` (s)."""
        self.link.refusal = received.refusal
        ours = [m for m in received.messages if self.link.ours(m.header.source_id, now)]
        headers = [header for header in received.strain_headers if header.source_id == self.link.source]
        successor = self.link.successor(now)
        if successor is not None:
            notice = f"source {self.link.source} is gone: now showing {successor}"
            self.emit(notice, now, _SOURCE_NOTICE_SECONDS)
            self.link.follow(successor, now)
            self._forget(now)
            ours = [m for m in received.messages if self.link.ours(m.header.source_id, now)]
            headers = [header for header in received.strain_headers if header.source_id == successor]
        self._count(headers, now)
        for message in ours:
            if isinstance(message.header, StatusHeader):
                self.link.status_came(message.header, now)
                if self.link.fusion == 0:
                    self._images.forget_fused(now, self.options.range_max)
            else:
                self._show(message, now)

    def bmode_of(self, session_id: str, frame_index: int) -> BmodeImage | None:
        """The B-mode of a frame; None where it has not come or is gone."""
        return self._bmodes.of(session_id, frame_index)

    def change(self, options: DisplayOptions) -> bool:
        """Take new options; a new range_max and a new region are shown at once, frozen or not.

        False where an image that is shown has no value in the new region: then no option changes.
        """
        frozen = None if self._frozen is None else self._frozen.strain
        held = None if frozen is None else in_new_region(frozen, self.options, options)
        if (held is None) is not (frozen is None) or not self._images.change(self.options, options):
            return False
        if self._frozen is not None and held is not None:
            self._frozen = replace(self._frozen, strain=held, region=held.region, quality=held.quality)
        ranged = options.range_max != self.options.range_max and options.value == "normalised"
        if self._frozen is not None and ranged:
            self._frozen = replace(self._frozen, range_top=options.range_max)
        self.options = options
        return True

    def toggle_freeze(self, now: float) -> None:
        """Hold image, B-mode, numbers and trace as they are, or go on."""
        if self._frozen is not None:
            self._frozen = None
            return
        live = self._live(now)
        shown = self._images.shown(self.options)
        at = shown.at if live.strain is not None else now - (live.ages.bmode.seconds or 0.0)
        if live.strain is not None:
            own = self.bmode_of(live.strain.session_id, live.strain.post_index)
            live = replace(live, bmode=own or live.bmode)
        late = self.link.lost(now) or self.link.stale(now)
        self._frozen_at = at
        self._frozen = replace(live, frozen=Frozen(at + self._offset, now - at, late))

    @property
    def frozen(self) -> bool:
        """Whether an image is held."""
        return self._frozen is not None

    def emit(self, notice: str, now: float, seconds: float = _NOTICE_SECONDS) -> None:
        """Show a passing message to the viewer, such as where an image was saved."""
        self._notice = (notice, now + seconds)

    def view(self, now: float, skipped: int = 0, refused: int = 0) -> View:
        """What is to be shown at clock time `now`."""
        live = replace(self._live(now), skipped=skipped, refused=refused, seconds_kept=self.seconds_kept)
        live = replace(live, recording=self.recording)
        if self._frozen is None or self._frozen.frozen is None:
            return live
        return replace(
            self._frozen,
            frozen=replace(self._frozen.frozen, age=now - self._frozen_at),
            options=self.options,
            now=now,
            banner=live.banner,
            ages=replace(self._frozen.ages, rates=live.ages.rates),
            rates=live.rates,
            status=live.status,
            skipped=skipped,
            refused=refused,
            other_sources=others(live, self._frozen.source),
            seconds_kept=live.seconds_kept,
            recording=live.recording,
            notice=live.notice,
            pointer=live.pointer,
        )

    def _live(self, now: float) -> View:
        shown, link = self._images.shown(self.options), self.link
        image, newest, status = shown.image, self._newest, link.status
        percent = self.options.value == "percent"
        bmode = self._bmodes.newest
        if image is not None and shown.held is None:
            bmode = self.bmode_of(image.session_id, image.post_index) or bmode
        region = self.options.region_on(bmode.grid.probe_type) if bmode else None
        if image is not None:
            region = image.region
        held = shown.held
        if image is not None and held is None and now - shown.at > HELD_AFTER:
            held = "no new image came"
        banner = link.banner(now)
        if held is not None and self._late(now):  # that nothing comes any more is the newer reason
            held = banner.detail or held
        return View(
            options=self.options,
            now=now,
            trace_end=now,
            address=link.address,
            source=link.source,
            banner=banner,
            waiting=self._waiting(now),
            bmode=bmode,
            strain=image,
            held=held,
            ages=self._ages(shown, now),
            taken_at=None if image is None else shown.at + self._offset,
            range_top=(shown.range.percent or 1.0) if percent else shown.range.normalised,
            region=region,
            trace=tuple(self._trace),
            mean_strain=newest.mean_strain if newest and newest.rejection is None else None,
            quality=None if image is None else image.quality,
            predicted_snre=newest.predicted_snre if newest else None,
            echo_match=newest.median_ncc if newest else None,
            guidance=advice(self._trace, newest.rejection if newest else None, now),
            pointer=self.pointer,
            fusion=link.fusion,
            engine=engine_text(newest, status),
            assumed=newest.assumed if newest else (),
            status=status,
            rates=Rates(self._frame_age(now), link.result_rate),
            other_sources=link.other_sources,
            notice=self._notice[0] if now < self._notice[1] else "",
        )

    def _late(self, now: float) -> bool:
        return self.link.lost(now) or self.link.stale(now)

    def _ages(self, shown: Shown, now: float) -> Ages:
        late = self._late(now)
        image, newest, bmode = shown.image, self._newest, self.link.bmode_age(now)
        other_scene = image is not None and newest is not None and image.session_id != newest.session_id
        age = None if image is None else now - shown.at
        return Ages(
            strain=Age(age, late or other_scene or (age is not None and age > HELD_AFTER)),
            bmode=Age(bmode, late or (bmode is not None and bmode > self.link.stale_after)),
            rates=Age(self.link.status_age(now), late),
        )

    def _count(self, headers: list[StrainHeader], now: float) -> None:
        for header, (at, gap) in zip(headers, self.link.results_came(len(headers), now), strict=True):
            self.results += 1
            if self.first_result_at is None:
                self.first_result_at = now
            mean = None if header.rejection is not None else header.mean_strain
            self._trace.append(TracePoint(at, mean, gap))
        while self._trace and self._trace[0].time < now - TRACE_SECONDS:
            self._trace.popleft()

    def _show(self, message: Message, now: float) -> None:
        header = message.header
        if isinstance(header, BmodeHeader):
            if self._bmodes.update(message):
                self.link.bmode_came(now)
        elif isinstance(header, StrainHeader):
            self._newest = header
            region = self.options.region_on(header.grid.probe_type) if header.grid else None
            self._images.take("pair", strain_image(message, region), self.options, now)
            if header.rejection is not None:
                self._images.hold_fused(hold_reason(header))
        elif isinstance(header, FusedHeader):
            region = self.options.region_on(header.grid.probe_type)
            self._images.take("fused", fused_image(message, region), self.options, now)

    def _frame_age(self, now: float) -> float | None:
        """Status and results both give the age of the newest frame; the younger evidence counts."""
        ages, status, result_age = [], self.link.status, self.link.result_age(now)
        if status is not None and status.frame_age is not None:
            ages.append(status.frame_age + now - self.link.status_at)
        if self._newest is not None and result_age is not None:
            ages.append(sum(self._newest.stage_seconds.values()) + result_age)
        return min(ages) if ages else None

    def _waiting(self, now: float) -> tuple[str, ...]:
        if self._bmodes.newest is not None or self._newest is not None:
            return ()
        link, waited = self.link, f"waited {now - self._started_at:.0f} s"
        others = (
            () if not link.other_sources else (f"Other sources send here: {', '.join(link.other_sources)}",)
        )
        if link.status is None or link.lost(now):
            hint = "Start a node with: musse-stream run     (musse-stream demo opens a window of its own)"
            return ("Waiting for strain results", f"from {link.address}", *others, hint, waited)
        reasons = link.status.reasons or ("no strain result has come yet",)
        return ("Connected, waiting for the first result", f"from {link.address}", *reasons, *others, waited)
