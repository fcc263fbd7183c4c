"""The next message to one browser: what it lacks of the newest images, and the state of everything."""

import base64
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.display.colors import MAP_NAMES, OPPOSITE, grey_levels, lookup_table
from tools.display.readouts import GUIDANCE, quality_color, scale_labels, status_line
from tools.display.text import engine_text
from tools.display.view import TRACE_SECONDS, Frozen, View, ago, others
from tools.geometry import outline
from tools.measure.frames import ImageFrame
from tools.web.cine import CineFrame
from tools.web.client import Client
from tools.web.feed import Feed
from tools.web.messages import Geometry, pack


@dataclass(slots=True, eq=False)
class _Sent:
    """What the browser has."""

    strain: object = None
    bmode: object = None
    geometry: Geometry | None = None
    palette: object = None


class Composer:
    """Makes messages for one client, under the feed's lock."""

    def __init__(self, client: Client, feed: Feed) -> None:
        self._client, self._feed = client, feed
        self._sent = _Sent()
        self._own: tuple[object, ImageFrame | None] = (None, None)

    def next_message(self) -> bytes:
        """What the browser lacks of the newest, and the state of everything. Under the feed's lock."""
        client = self._client
        view = self._feed.view()
        if client.shown is not None:
            view = self._frozen_view(view, client.shown)
        strain, strain_key, bmode, bmode_key = self._images(view)
        view = self._with_region(view, strain)
        geometry = None
        if strain is not None or bmode is not None:
            geometry = Geometry(
                None if strain is None else (strain.grid, strain.relative_strain.shape),
                None if bmode is None else (bmode[1], bmode[0].shape),
                client.options.flip,
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
        client = self._client
        frame = client.shown or (self._feed.cine.newest if view.strain is not None else None)
        strain = key = None
        if frame is not None:
            key = (client.shown is None, frame.number, frame.image.frame_index, client.options.region)
            if self._own[0] != key:
                self._own = (key, client.own(frame.image))
            strain = self._own[1]
        if client.shown is not None:
            image = client.shown.image
            bmode_key = (key, image.bmode is None)
            return strain, key, None if image.bmode is None else (image.bmode, image.bmode_grid), bmode_key
        bmode = None if view.bmode is None else (view.bmode.image, view.bmode.grid)
        return strain, key, bmode, None if view.bmode is None else view.bmode.frame

    def _with_region(self, view: View, strain: ImageFrame | None) -> View:
        """The view with the viewer's region and the quality of the image inside it."""
        client = self._client
        shown = client.shown.image if client.shown is not None else view.strain
        region = client.options.region_on(shown.grid.probe_type) if shown is not None else None
        if region is None:
            return view
        return replace(
            view,
            options=client.options,
            region=region,
            quality=strain.quality if strain is not None else None,
        )

    def _frozen_view(self, view: View, frame: CineFrame) -> View:
        """The live view with the frozen image's own numbers: never grey, marked with its time and age."""
        client = self._client
        image = frame.image
        return replace(
            view,
            frozen=Frozen(image.time, self._feed.unix_now() - image.time, client.review),
            taken_at=image.time,
            held=None,
            quality=image.quality,
            mean_strain=image.mean_strain,
            predicted_snre=image.predicted_snre,
            echo_match=image.median_ncc,
            region=image.region,
            source=image.source,
            other_sources=others(view, image.source),
            engine=engine_text(image),
            assumed=image.assumed,
            waiting=(),
            trace=client.trace_before(frame, view.now),
            trace_end=view.now,
        )

    def _state(self, view: View, strain: ImageFrame | None, bmode: Any) -> dict[str, Any]:
        """All text beside the images; the browser decides none of it."""
        client = self._client
        cine = self._feed.cine
        newest = cine.newest
        frozen = view.frozen
        return {
            "banner": {"text": view.banner.text, "level": view.banner.level, "detail": view.banner.detail},
            "recording": self._feed.recording,
            "source": view.source,
            "others": view.other_sources,
            "notice": view.notice,
            "waiting": view.waiting,
            "frozen": None if frozen is None else frozen.label,
            "strain_grey": view.greyed,
            "bmode_grey": view.bmode_greyed,
            "rates_grey": view.ages.rates.grey,
            "caption": _caption(view, empty=strain is None and client.options.region is not None),
            "bmode_caption": _bmode_caption(view, bmode),
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
            "own_region": client.options.region,
            "fusion": view.fusion,
            "probe_mark": (strain.grid.mark or "not stated") if strain is not None else None,
            "engine": view.engine,
            "persistence": None if strain is None else strain.time_constant,
            "trace": [[p.time - view.now, p.mean_strain, p.after_gap] for p in view.trace],
            "utc_offset": time.localtime().tm_gmtoff,
            "trace_seconds": TRACE_SECONDS,
            "guidance_band": GUIDANCE,
            "region": _outline(view, strain, bmode),
            "cine": {
                "first": client.first - len(client.older) if newest is not None else None,
                "last": newest.number if newest is not None else None,
                "shown": client.shown.number if client.shown is not None else None,
                "frame": strain and [strain.session_id, strain.frame_index, strain.time],
                "seconds": newest.image.time - client.older[0].time
                if newest and client.older
                else cine.seconds,
                "kept": self._feed.tape_seconds,
                "not_held": cine.not_held,
            },
            "measure": client.measure_state(view.now),
        }

    def _palette(self, view: View) -> dict[str, Any] | None:
        """Tables that turn numbers into colours, when they differ from what the browser has."""
        client = self._client
        options = client.options
        exposure, dynamic_range = 0.0, 60.0
        if client.shown is not None:
            exposure, dynamic_range = client.shown.image.exposure_db, client.shown.image.dynamic_range_db
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


def _caption(view: View, *, empty: bool) -> str:
    if empty:
        return "no average inside your region of interest: draw another"
    if view.frozen is not None or not (view.greyed or view.held):
        return ""
    age = view.ages.strain.seconds
    if age is None:
        return view.held or ""
    reason = (view.held or view.banner.detail).split("; ")[0]  # all of it stands beside the banner
    return f"last good image, {ago(age)} old: {reason}"


def _bmode_caption(view: View, bmode: Any) -> str:
    if view.frozen is not None:
        return "" if bmode is not None else "no B-mode of this frame"
    age = view.ages.bmode.seconds
    return f"last B-mode, {ago(age)} old" if view.bmode_greyed and age else ""


def _outline(view: View, strain: ImageFrame | None, bmode: Any) -> list[list[float]]:
    grid = strain.grid if strain is not None else bmode[1] if bmode is not None else None
    return [] if view.region is None or grid is None else np.round(outline(grid, view.region), 3).tolist()


def _hex(bgr: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*bgr[::-1])


def _text(table: NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(table).tobytes()).decode()
