"""One browser: its settings, what it was sent, and the next message it gets."""

import asyncio
import base64
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.display.colors import MAP_NAMES, OPPOSITE, grey_levels, lookup_table
from tools.display.options import DisplayOptions
from tools.display.readouts import GUIDANCE, quality_color, scale_labels, status_line
from tools.display.view import TRACE_SECONDS, Frozen, TracePoint, View, ago
from tools.geometry import outline
from tools.measure.frames import ImageFrame
from tools.measure.ratio import Measurement, Presses, as_json, measure, presses
from tools.measure.regions import Regions
from tools.web.cine import CineFrame
from tools.web.feed import Feed
from tools.web.messages import Geometry, pack

_GAP: Final = 0.5  # s between two images that break a frozen trace
_LIVE_MEASURE_EVERY: Final = 0.2  # s


@dataclass(slots=True, eq=False)
class _Sent:
    """What the browser has."""

    strain: object = None
    bmode: object = None
    geometry: Geometry | None = None
    palette: object = None


class Client:
    """The state of one connection. Used by its own task, under the feed's lock where it reads the feed."""

    def __init__(self, feed: Feed) -> None:
        self.options = DisplayOptions(layout="overlay")
        self.regions: Regions | None = None
        self.shown: CineFrame | None = None
        """The frozen image; None: live."""
        self.drawn = asyncio.Event()
        """Set while the browser has drawn all that it was sent."""
        self._review = False
        self._feed = feed
        self._sent = _Sent()
        self._measured: tuple[float, dict[str, Any] | None] = (0.0, None)

    def freeze(self, number: int | None) -> None:
        """Show the image of this number, or the newest, until `live`; pins the cine."""
        frame = self._feed.cine.get(2**62 if number is None else number)
        if frame is None:
            return
        if self.shown is None:
            self._review = self._feed.late()
        self._feed.cine.pin(self)
        self.shown = frame
        self._measured = (0.0, None)

    def live(self) -> None:
        """Follow the stream again."""
        self._feed.cine.unpin(self)
        self.shown = None
        self._measured = (0.0, None)

    def measurement(self) -> tuple[Measurement, Presses, Regions] | None:
        """Both regions on the image that is shown; None without regions or image."""
        frame = self.shown or self._feed.cine.get(2**62)
        if self.regions is None or frame is None:
            return None
        session = frame.image.session_id
        before = [
            f.image for f in self._feed.cine if f.number <= frame.number and f.image.session_id == session
        ]
        return measure(frame.image, self.regions), presses(before, self.regions), self.regions

    def next_message(self) -> bytes:
        """What the browser lacks of the newest, and the state of everything. Under the feed's lock."""
        view = self._feed.view()
        if self.shown is not None:
            view = self._frozen_view(view, self.shown)
        strain, strain_key, bmode, bmode_key = self._images(view)
        geometry = None
        if strain is not None or bmode is not None:
            geometry = Geometry(
                None if strain is None else (strain.grid, strain.relative_strain.shape),
                None if bmode is None else (bmode[1], bmode[0].shape),
                self.options.flip,
            )
        fields: dict[str, Any] = {"state": self._state(view, strain, bmode)}
        arrays: dict[str, NDArray[Any]] = {}
        if geometry != self._sent.geometry:
            self._sent = _Sent(geometry=geometry, palette=self._sent.palette)
            if geometry is not None:
                fields["geometry"] = geometry.fields()
                arrays |= geometry.arrays()
        if strain is not None and strain_key != self._sent.strain:
            self._sent.strain = strain_key
            fields["frame"] = strain.frame_index
            arrays |= {"value": strain.relative_strain, "std": strain.relative_std}
        if bmode is not None and bmode_key != self._sent.bmode:
            self._sent.bmode = bmode_key
            arrays["bmode"] = bmode[0]
        palette = self._palette(view)
        if palette is not None:
            fields["palette"] = palette
        return pack(fields, arrays)

    def _images(self, view: View) -> tuple[ImageFrame | None, object, Any, object]:
        """Strain and B-mode to show, each with a key that changes with it."""
        if self.shown is not None:
            image = self.shown.image
            bmode = None if image.bmode is None else (image.bmode, image.bmode_grid)
            key = ("cine", self.shown.number)
            return image, key, bmode, key
        newest = self._feed.cine.get(2**62)
        strain = None
        if view.strain is not None and newest is not None:
            strain = newest.image
        bmode = None if view.bmode is None else (view.bmode.image, view.bmode.grid)
        strain_key = ("live", newest.number) if newest is not None else None
        return strain, strain_key, bmode, None if view.bmode is None else view.bmode.frame

    def _frozen_view(self, view: View, frame: CineFrame) -> View:
        """The live view with the frozen image's own numbers: never grey, marked with its time and age."""
        image = frame.image
        return replace(
            view,
            frozen=Frozen(image.time, self._feed.unix_now() - image.time, self._review),
            taken_at=image.time,
            held=None,
            quality=image.quality,
            mean_strain=image.mean_strain,
            predicted_snre=frame.predicted_snre,
            echo_match=image.median_ncc,
            region=image.region,
            trace=self._trace_before(frame, view.now),
            trace_end=view.now,
        )

    def _trace_before(self, frame: CineFrame, now: float) -> tuple[TracePoint, ...]:
        """Mean strain of the images before a frozen one, as if it had come now: a trace that ends with it."""
        points: list[TracePoint] = []
        for held in self._feed.cine:
            age = frame.image.time - held.image.time
            if held.number > frame.number or age > TRACE_SECONDS:
                continue
            gap = bool(points) and now - age - points[-1].time > _GAP
            points.append(TracePoint(now - age, held.image.mean_strain, gap))
        return tuple(points)

    def _state(self, view: View, strain: ImageFrame | None, bmode: Any) -> dict[str, Any]:
        """All text beside the images; the browser decides none of it."""
        cine = self._feed.cine
        numbers = [frame.number for frame in cine]
        frozen = view.frozen
        bmode_age = view.ages.bmode.seconds
        return {
            "banner": {"text": view.banner.text, "level": view.banner.level, "detail": view.banner.detail},
            "source": view.source,
            "others": view.other_sources,
            "notice": view.notice,
            "waiting": view.waiting,
            "frozen": None if frozen is None else frozen.label,
            "strain_grey": view.greyed,
            "bmode_grey": view.bmode_greyed,
            "rates_grey": view.ages.rates.grey,
            "caption": _caption(view),
            "bmode_caption": f"last B-mode, {ago(bmode_age)} old" if view.bmode_greyed and bmode_age else "",
            "quality": view.quality,
            "quality_color": None if view.quality is None else _hex(quality_color(view.quality)),
            "snre": view.predicted_snre,
            "match": view.echo_match,
            "mean": view.mean_strain,
            "guidance": view.guidance,
            "status": status_line(view),
            "assumed": view.assumed,
            "frame": None if strain is None else strain.frame_index,
            "pairs": None if strain is None else strain.pairs,
            "engine": view.engine,
            "persistence": None if strain is None else strain.time_constant,
            "trace": [[p.time - view.now, p.mean_strain, p.after_gap] for p in view.trace],
            "trace_seconds": TRACE_SECONDS,
            "guidance_band": GUIDANCE,
            "region": _outline(view, strain, bmode),
            "cine": {
                "first": numbers[0] if numbers else None,
                "last": numbers[-1] if numbers else None,
                "shown": self.shown.number if self.shown is not None else None,
                "seconds": cine.seconds,
                "not_held": cine.not_held,
            },
            "measure": self._measure_state(view.now),
        }

    def _measure_state(self, now: float) -> dict[str, Any] | None:
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

    def _palette(self, view: View) -> dict[str, Any] | None:
        """Tables that turn numbers into colours, when they differ from what the browser has."""
        options = self.options
        exposure, dynamic_range = 0.0, 60.0
        if self.shown is not None:
            exposure, dynamic_range = self.shown.image.exposure_db, self.shown.image.dynamic_range_db
        elif view.bmode is not None:
            exposure, dynamic_range = view.bmode.exposure_db, view.bmode.dynamic_range_db
        key = (options, exposure, dynamic_range)
        if key == self._sent.palette:
            return None
        self._sent.palette = key
        levels = grey_levels(dynamic_range, exposure + options.bmode_gain, options.bmode_range)
        shown = replace(view, options=options, range_top=options.range_max)
        return {
            "colors": _text(lookup_table(options.color_map)[:, 0, ::-1]),
            "opposite": OPPOSITE[::-1],
            "levels": _text(levels),
            "range_top": options.range_max,
            "map": MAP_NAMES[options.color_map],
            "labels": scale_labels(shown),
            "options": {
                "color_map": options.color_map,
                "range_max": options.range_max,
                "opacity": options.opacity,
                "bmode_gain": options.bmode_gain,
                "bmode_range": options.bmode_range,
                "flip": options.flip,
            },
        }


def _caption(view: View) -> str:
    if view.frozen is not None or not (view.greyed or view.held):
        return ""
    age = view.ages.strain.seconds
    if age is None:
        return view.held or ""
    return f"last good image, {ago(age)} old: {view.held or view.banner.detail}"


def _outline(view: View, strain: ImageFrame | None, bmode: Any) -> list[list[float]]:
    grid = strain.grid if strain is not None else bmode[1] if bmode is not None else None
    return [] if view.region is None or grid is None else np.round(outline(grid, view.region), 3).tolist()


def _hex(bgr: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*bgr[::-1])


def _text(table: NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(table).tobytes()).decode()
