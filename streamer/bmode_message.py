"""The B-mode image of a frame as a message."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bmode import bmode
from engine.errors import InvalidAcquisition
from streamer.config import Config
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion, bmode_grid, engine_spec
from streamer.headers import ArrayEntry, BmodeHeader


def bmode_message(frame: RfFrame, config: Config) -> tuple[BmodeHeader, NDArray[Any]] | None:
    """Header and image, uint8, of the whole frame, whatever the region of interest.

    None for an acquisition that no engine could be built for.
    """
    header = frame.header
    dynamic_range = config.output.bmode_dynamic_range
    try:
        spec = engine_spec(header, FrameRegion.whole(header), config)
    except InvalidAcquisition:
        return None
    image = bmode(frame.samples, spec, dynamic_range)
    described = BmodeHeader(
        source_id=header.source_id,
        session_id=header.session_id,
        arrays=(ArrayEntry(name="bmode", dtype="|u1", shape=image.shape),),
        frame_index=header.frame_index,
        grid=bmode_grid(header, image.shape),
        dynamic_range_db=dynamic_range,
        assumed=header.assumed,
    )
    return described, np.asarray(image)
