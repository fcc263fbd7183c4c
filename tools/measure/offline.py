"""Images of a recording, made by the live node's own step, frame by frame."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.bmode import bmode
from streamer.config import Config
from streamer.geometry import FrameRegion, bmode_grid, engine_spec
from streamer.headers import BmodeHeader, FusedHeader, Grid, StrainHeader
from streamer.step import StrainMessage
from streamer.wire import Message
from tools.formats import Recording
from tools.measure.frames import ASSUMED_CORRELATION, FloatMap, ImageFrame
from tools.measure.quality import image_quality, region_mask
from tools.playback import playback
from tools.process import process


def image_frames(recording: Recording, config: Config, *, with_bmode: bool = False) -> Iterator[ImageFrame]:
    """The fused image after every pair that adds to it; none where fusion is off.

    Frames are numbered as a replay numbers them, from 0 in every session. Raises RecordingError, ConfigError,
    EngineError.
    """
    cues = {
        (str(cue.session), cue.frame_index): cue
        for cue in playback(recording.t_acq, recording.frame_index, "off")
    }
    for message in process(recording, config, frames=recording.n_frames):
        if message.fused is None:
            continue
        cue = cues[message.header.session_id, message.header.post_index]
        frame = of_step(message, cue.offset_ns * 1e-9)
        yield _with_bmode(frame, recording, cue.position, config) if with_bmode else frame


def of_step(message: StrainMessage, time: float) -> ImageFrame:
    """The image of one step's fused message."""
    if message.fused is None:
        raise ValueError("a step without a fused image")
    return of_messages(message.fused.header, *message.fused.arrays, message.header, time)


def of_messages(
    fused: FusedHeader, relative: FloatMap, std: FloatMap, strain: StrainHeader | None, time: float
) -> ImageFrame:
    """The image of a fused message inside its region, with the numbers of its newest pair."""
    mask = region_mask(fused.grid, relative.shape, fused.region)
    newest = strain if strain is not None and strain.post_index == fused.post_index else None
    along, across = fused.correlation_axial, fused.correlation_lateral
    stated = (along, across) if along is not None and across is not None else None
    return ImageFrame(
        session_id=fused.session_id,
        frame_index=fused.post_index,
        time=time,
        relative_strain=np.where(mask, relative, np.float32(np.nan)),
        relative_std=np.where(mask, std, np.float32(np.nan)),
        grid=fused.grid,
        region=fused.region,
        mean_strain=newest.mean_strain if newest is not None else None,
        median_ncc=newest.median_ncc if newest is not None else None,
        predicted_snre=newest.predicted_snre if newest is not None else None,
        quality=image_quality(relative, std, mask, fused.engine),
        pairs=fused.effective_pairs,
        time_constant=fused.time_constant,
        engine=fused.engine,
        precision=newest.precision if newest is not None else "",
        device=newest.device if newest is not None else "",
        source=fused.source_id,
        assumed=newest.assumed if newest is not None else fused.assumed,
        correlation=stated or ASSUMED_CORRELATION,
        correlation_stated=stated is not None,
    )


def of_wire(messages: Sequence[Message], time: float) -> ImageFrame | None:
    """The image of one frame's messages (strain, fused, B-mode, in any order); None without a fused one."""
    headers = {type(message.header): message for message in messages}
    fused, strain, grey = (headers.get(kind) for kind in (FusedHeader, StrainHeader, BmodeHeader))
    if fused is None or not isinstance(fused.header, FusedHeader):
        return None
    newest = strain.header if strain is not None and isinstance(strain.header, StrainHeader) else None
    maps = fused.arrays["relative_strain"], fused.arrays["relative_std"]
    image = of_messages(fused.header, *maps, newest, time)
    if grey is None or not isinstance(grey.header, BmodeHeader):
        return image
    return replace(
        image,
        bmode=grey.arrays["bmode"],
        bmode_grid=grey.header.grid,
        dynamic_range_db=grey.header.dynamic_range_db,
    )


def _with_bmode(frame: ImageFrame, recording: Recording, position: int, config: Config) -> ImageFrame:
    header = recording.header(position, source_id="replay", session_id=frame.session_id, frame_index=0)
    dynamic_range = config.output.bmode_dynamic_range
    samples = np.ascontiguousarray(recording.frame(position))
    image = bmode(samples, engine_spec(header, FrameRegion.whole(header), config), dynamic_range)
    grid: Grid = bmode_grid(header, image.shape)
    return replace(frame, bmode=image, bmode_grid=grid, dynamic_range_db=dynamic_range)
