"""Images of a file as the views that the window draws."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tools.display.colors import exposure
from tools.display.options import DisplayOptions
from tools.display.strain_image import StrainImage, confidence_of
from tools.display.view import TRACE_SECONDS, Banner, BmodeImage, TracePoint, View
from tools.measure.frames import ImageFrame

_GAP: Final = 0.5  # s without an image that break the trace


def strain_of(frame: ImageFrame) -> StrainImage:
    """The frame's map as the window holds it; it has no strain in %."""
    return StrainImage(
        normalised=frame.relative_strain,
        percent=np.full_like(frame.relative_strain, np.nan),
        std=frame.relative_std,
        confidence=confidence_of(frame.relative_strain, frame.relative_std),
        grid=frame.grid,
        sign=1.0,
        region=frame.region,
        session_id=frame.session_id,
        pre_index=None,
        post_index=frame.frame_index,
        pairs=frame.pairs,
        time_constant=frame.time_constant,
        engine=frame.engine,
    )


def bmode_of(frame: ImageFrame, options: DisplayOptions) -> BmodeImage | None:
    """The frame's B-mode, exposed by itself where it was not exposed live; None without one."""
    if frame.bmode is None or frame.bmode_grid is None:
        return None
    gain = frame.exposure_db or exposure(frame.bmode, frame.dynamic_range_db, options.bmode_range)
    number = (frame.session_id, frame.frame_index)
    return BmodeImage(frame.bmode, frame.bmode_grid, frame.dynamic_range_db, number, gain)


def view_of(
    frame: ImageFrame, before: Sequence[ImageFrame], options: DisplayOptions, exposed: float | None
) -> View:
    """The window's view of a frame; `before` are the frames up to and with it, for the trace.

    `exposed` is the B-mode exposure of the whole file in dB, so that a movie does not flicker.
    """
    bmode = bmode_of(frame, options)
    if bmode is not None and exposed is not None:
        bmode = replace(bmode, exposure_db=exposed)
    return View(
        options=options,
        now=frame.time,
        trace_end=frame.time,
        address="",
        source=None,
        banner=Banner("FILE", "notice", f"frame {frame.frame_index}, {frame.time:.2f} s"),
        bmode=bmode,
        strain=strain_of(frame),
        range_top=options.range_max,
        region=frame.region,
        trace=_trace(before, frame.time),
        mean_strain=frame.mean_strain,
        quality=frame.quality,
        echo_match=frame.median_ncc,
        engine=frame.engine,
    )


def _trace(frames: Sequence[ImageFrame], now: float) -> tuple[TracePoint, ...]:
    points: list[TracePoint] = []
    for frame in frames:
        if frame.time > now - TRACE_SECONDS:
            gap = bool(points) and frame.time - points[-1].time > _GAP
            points.append(TracePoint(frame.time, frame.mean_strain, gap))
    return tuple(points)
