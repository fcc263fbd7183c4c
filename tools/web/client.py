"""One browser: its settings, the image it has frozen, and what is measured on it."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any, Final

from tools.display.keys import box_between
from tools.display.options import DisplayOptions
from tools.display.view import TRACE_SECONDS, TracePoint
from tools.measure.best import of_newest_scene
from tools.measure.frames import ImageFrame
from tools.measure.ratio import Measurement, Presses, as_json, measure, ratios, strongest_of_presses
from tools.measure.regions import Regions
from tools.web.cine import CineFrame
from tools.web.feed import Feed
from tools.web.tape import Older

Point = tuple[float, float]
"""x and z in mm of the image plane."""
_GAP: Final = 0.5  # s between two images that break a frozen trace, at most
_GAP_PERIODS: Final = 2.5  # of their usual distance: pairs between them were rejected, or nothing came
_LIVE_MEASURE_EVERY: Final = 0.2  # s


class Client:
    """The state of one connection. Used by its own task, under the feed's lock where it reads the feed."""

    def __init__(self, feed: Feed, name: str = "") -> None:
        self.name = name
        """Its name as a client of the tape process."""
        self.options = DisplayOptions(layout="overlay")
        self.regions: Regions | None = None
        self.shown: CineFrame | None = None
        """The frozen image; None: live."""
        self.older: tuple[Older, ...] = ()
        """While frozen: the frames of the tape process before those in memory."""
        self.drawn = asyncio.Event()
        """Set while the browser has drawn all that it was sent."""
        self.review = False
        """It was frozen after the stream had stopped."""
        self._presses_before: list[ImageFrame] = []
        self._feed = feed
        self._measured: tuple[float, dict[str, Any] | None] = (0.0, None)

    def freeze(self, number: int | None = None) -> None:
        """Show the image of this number, or the newest, until `live`; pins the cine."""
        frame = self._feed.cine.newest if number is None else self._feed.cine.get(number)
        if frame is not None:
            self._show(frame, [])

    def show_older(self, older: Older, image: ImageFrame, presses_before: list[ImageFrame]) -> None:
        """Show an image that the tape process held."""
        newest = self._feed.cine.newest
        if newest is not None and newest.image.bmode_grid == image.bmode_grid:
            image = replace(image, exposure_db=newest.image.exposure_db)
        number = self.first - len(self.older) + self.older.index(older)
        self._show(CineFrame(number, image), presses_before)

    def without_bmode(self) -> Older | None:
        """The frozen image as the tape process finds it, where its B-mode did not reach this server."""
        source = self._feed.source()
        if self.shown is None or self.shown.image.bmode is not None or source is None:
            return None
        image = self.shown.image
        return Older(source, image.session_id, image.frame_index, image.time, image.mean_strain)

    def complete(self, older: Older, image: ImageFrame) -> None:
        """Take the B-mode of the frozen image from the tape process's copy of it."""
        shown, newest = self.shown, self._feed.cine.newest
        if shown is None or shown.image.frame_index != older.frame_index or newest is None:
            return
        with_bmode = replace(
            shown.image,
            bmode=image.bmode,
            bmode_grid=image.bmode_grid,
            dynamic_range_db=image.dynamic_range_db,
            exposure_db=newest.image.exposure_db,
        )
        self.shown = replace(shown, image=with_bmode)

    def follow_older(self, rows: list[Older]) -> None:
        """Frames that the tape process pins, oldest first; those before the images in memory are used."""
        first = next(iter(self._feed.cine), None)
        if self.shown is None or first is None:
            return
        frame = first.image.session_id, first.image.frame_index
        names = [(row.session, row.frame_index) for row in rows]
        end = names.index(frame) if frame in names else sum(row.time < first.image.time for row in rows)
        self.older = tuple(rows[:end])

    def older_at(self, number: int) -> Older | None:
        """The frame of this number where it is not in memory."""
        at = number - self.first + len(self.older)
        return self.older[max(at, 0)] if at < len(self.older) else None

    def number_of(self, session: str, frame_index: int) -> int | None:
        """The number of a frame in memory or of the tape process; None where it is gone."""
        for frame in self._feed.cine:
            if (frame.image.session_id, frame.image.frame_index) == (session, frame_index):
                return frame.number
        for at, row in enumerate(self.older):
            if (row.session, row.frame_index) == (session, frame_index):
                return self.first - len(self.older) + at
        return None

    @property
    def first(self) -> int:
        """Number of the oldest image in memory."""
        oldest = next(iter(self._feed.cine), None)
        return 0 if oldest is None else oldest.number

    def live(self) -> None:
        """Follow the stream again."""
        self._feed.cine.unpin(self)
        self.shown, self.older = None, ()
        self._measured = (0.0, None)

    def set_region(self, start: Point | None, end: Point | None) -> None:
        """The viewer's region of interest between two points in mm, or the node's. ValueError: too small."""
        box = None
        frame = self.shown or self._feed.cine.newest
        if start is not None and end is not None and frame is not None:
            box = box_between(frame.image.grid, frame.image.relative_strain.shape, start, end)
            if box is None:
                raise ValueError("draw a larger region: at least a tenth of the image in both directions")
        self.options = replace(self.options, region=box)
        self._measured = (0.0, None)

    def measurement(self) -> tuple[Measurement, Presses, Regions] | None:
        """Both regions on the image that is shown; None without regions or image."""
        frame = self.shown or self._feed.cine.newest
        image = None if frame is None else self.own(frame.image)
        if self.regions is None or frame is None or image is None:
            return None
        session = image.session_id
        before = [
            f.image for f in self._feed.cine if f.number <= frame.number and f.image.session_id == session
        ]
        if before and before[-1] is not frame.image:
            before.append(frame.image)  # the newest, which had no room: presses are counted back from it
        strongest = strongest_of_presses(of_newest_scene(before)) or self._presses_before
        own = [image for image in map(self.own, strongest) if image is not None]
        return measure(image, self.regions), ratios(own, self.regions), self.regions

    def _show(self, frame: CineFrame, presses_before: list[ImageFrame]) -> None:
        if self.shown is None:
            self.review = self._feed.late()
        self._feed.cine.pin(self)
        self.shown, self._presses_before = frame, presses_before
        self._measured = (0.0, None)

    def own(self, image: ImageFrame) -> ImageFrame | None:
        """The image with the viewer's region of interest; None where that has no average."""
        region = self.options.region_on(image.grid.probe_type)
        return image if region is None else image.within(region)

    def trace_before(self, frame: CineFrame, now: float) -> tuple[TracePoint, ...]:
        """Mean strain of the images before a frozen one, as if it had come now: a trace that ends with it."""
        points: list[TracePoint] = []
        older = [(row.time, row.mean_strain) for row in self.older]
        held = [(f.image.time, f.image.mean_strain) for f in self._feed.cine if f.number <= frame.number]
        ages = [(frame.image.time - time, mean) for time, mean in older + held]
        ages = [(age, mean) for age, mean in ages if 0 <= age <= TRACE_SECONDS]
        apart = [before[0] - after[0] for before, after in pairwise(ages)]
        limit = min(_GAP, _GAP_PERIODS * median(apart)) if apart else _GAP
        for age, mean in ages:
            gap = bool(points) and now - age - points[-1].time > limit
            points.append(TracePoint(now - age, mean, gap))
        return tuple(points)

    def measure_state(self, now: float) -> dict[str, Any] | None:
        """The measurement as the page shows it; None without one. `now` in s on any clock."""
        at, last = self._measured
        if last is not None and (self.shown is not None or now - at < _LIVE_MEASURE_EVERY):
            return last
        found = self.measurement()
        result = None if found is None else {**as_json(found[0]), "per_press": found[1].text}
        self._measured = (now, result)
        return result

    def measured_anew(self) -> None:
        """Regions have changed."""
        self._measured = (0.0, None)
