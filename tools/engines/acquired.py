"""What an engine is to be built for: the acquisition of a recording, of a live stream, or of options."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Protocol

import numpy as np

from engine.spec import EngineSpec
from streamer.config import Config
from streamer.frame import RfFrame
from tools.errors import NothingReceived, ToolError

NEEDED = ("sampling_frequency", "center_frequency", "line_pitch")
TAKEN = ("sound_speed", "probe_type", "probe_radius")
POLL = 0.1  # s


class Opens(Protocol):
    """The options of a command that name facts of an acquisition."""

    @property
    def overrides(self) -> Mapping[str, Any]:
        """The options by name."""
        ...

    def open(self, file: Path) -> Any:
        """The recording."""
        ...


class Acquired(NamedTuple):
    """An acquisition, and the carrier that its working grid follows."""

    spec: EngineSpec
    carrier: float
    """Cycles per sample."""


def recorded(file: Path, opening: Opens, config: Config) -> Acquired:
    """The configured region of a recording, and its measured carrier."""
    with opening.open(file) as recording:
        header = recording.header(0, source_id="build", session_id="build")
        return _measured(RfFrame(header, recording.frame(0), 0.0), config)


def live(config: Config, seconds: float) -> Acquired:
    """The same of the first good frame that comes from `input.connect` within `seconds`.

    Raises NothingReceived where none comes.
    """
    from streamer.errors import MessageRefused
    from streamer.frame import view_samples
    from streamer.geometry import check_frame
    from streamer.link import Link
    from streamer.rf_message import read_rf_header, read_rf_payload
    from streamer.sockets import OVERHEAD_BYTES, open_context
    from streamer.wire import topic

    settings, refused = config.input, ""
    with ExitStack() as closing:
        context = open_context(config.security.load())
        closing.callback(context.term)
        link = Link(
            context,
            settings.connect,
            [topic("rf", settings.source)],
            high_water_mark=settings.high_water_mark,
            setting="input.connect",
            max_part_bytes=settings.max_frame_bytes + OVERHEAD_BYTES,
            server="rf",
        )
        closing.callback(link.close)
        end = monotonic() + seconds
        while monotonic() < end:
            if not link.wait(POLL):
                continue
            parts = link.receive()
            try:
                header = read_rf_header(parts)
                samples = view_samples(header, np.frombuffer(read_rf_payload(parts, header), np.uint8))
                check_frame(header, samples, config)
            except MessageRefused as refusal:
                refused = f", only frames that are refused ({refusal})"
                continue
            return _measured(RfFrame(header, samples, 0.0), config)
        raise NothingReceived(
            f"no RF frame came from {settings.connect} within {seconds:g} s{refused}: {link.peer}"
        )


def given(
    opening: Opens, shape: str | None, windows: tuple[float | None, float | None] = (None, None)
) -> Acquired:
    """An acquisition of options, and its stated carrier. Raises ToolError with all that is missing.

    `windows`: mm along the beam and across; the published network's strain depends on them.
    """
    missing = [f"--{name.replace('_', '-')}" for name in NEEDED if opening.overrides.get(name) is None]
    sizes = [] if shape is None else shape.lower().split("x")
    if len(sizes) != 2 or not all(size.isdecimal() for size in sizes):
        missing.insert(0, "--shape SAMPLESxLINES")
    if missing:
        raise ToolError(f"name a recording to build for, or --live, or give {', '.join(missing)}")
    facts = {
        name: opening.overrides[name] for name in (*NEEDED, *TAKEN) if opening.overrides.get(name) is not None
    }
    for name, window in zip(("axial_window", "lateral_window"), windows, strict=True):
        if window is not None:
            facts[name] = window * 1e-3
    spec = EngineSpec(shape=(int(sizes[0]), int(sizes[1])), **facts)
    return Acquired(spec, spec.center_frequency / spec.sampling_frequency)


def _measured(frame: RfFrame, config: Config) -> Acquired:
    from engine.tracking.iq import IqTransform
    from streamer.geometry import configured_region, engine_spec

    region = configured_region(frame.header, config)
    spec = engine_spec(frame.header, region, config)
    transform = IqTransform(spec)
    return Acquired(spec, transform.carrier(transform.band(region.crop(frame.samples))))
