"""Publishes a recording as a scanner bridge would: same messages, same timing."""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamer.curve import PLAIN, Security
from streamer.sockets import Socket, bind_publisher, bound_address, open_context
from streamer.stopping import Stop
from streamer.wire import encode
from tools.formats import Recording
from tools.playback import Loop, playback

HIGH_WATER_MARK = 64  # frames; 8 were lost after a stall of 160 ms at 50 frames/s
START_AFTER = 0.05  # s between the last preparation and the first frame
DELIVER_WITHIN_MS = 2000  # for what is still queued when the recording ends
POLL_MS = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What was sent."""

    sent: int
    latest: float
    """s, the largest delay of a frame behind its time."""


def replay(
    recording: Recording,
    stop: Stop,
    *,
    bind: str,
    source_id: str = "replay",
    loop: Loop = "off",
    rate: float | None = None,
    speed: float = 1.0,
    wait_subscribers: int = 0,
    security: Security = PLAIN,
    on_ready: Callable[[str], None] = lambda address: None,
) -> ReplaySummary:
    """Send the recording until it ends or `stop` is set; returns what was sent.

    Frames carry the time they are due, on the unix clock, so that intervals are those of the recording.
    Raises AddressInUse, ConfigError. Call it in the thread that owns nothing else: it sleeps until each frame
    is due.
    """
    context = open_context(security)
    sent, latest = 0, 0.0
    link = None
    try:
        link = bind_publisher(
            context, bind, high_water_mark=HIGH_WATER_MARK, setting="--bind", every_request=True
        )
        on_ready(bound_address(link))
        _wait_for(link, wait_subscribers, stop)
        session = uuid.uuid4().hex[:8]
        begun, begun_unix = time.perf_counter() + START_AFTER, time.time_ns() + round(START_AFTER * 1e9)
        for cue in playback(recording.t_acq, recording.frame_index, loop, rate=rate, speed=speed):
            header = recording.header(
                cue.position,
                source_id=source_id,
                session_id=f"{session}-{cue.session}",
                frame_index=cue.frame_index,
            )
            timed = header.model_copy(update={"t_acq": begun_unix + cue.offset_ns, "clock": "unix"})
            parts = encode("rf", timed, (np.ascontiguousarray(recording.frame(cue.position)),))
            due = begun + cue.offset_ns * 1e-9
            if stop.wait(max(0.0, due - time.perf_counter())):
                break
            latest = max(latest, time.perf_counter() - due)
            link.send_multipart(parts)
            sent += 1
    finally:
        if link is not None:
            link.close(0 if stop.is_set() else DELIVER_WITHIN_MS)
        context.term()
    return ReplaySummary(sent, latest)


def _wait_for(link: Socket, subscribers: int, stop: Stop) -> None:
    """Wait until so many subscribers are there, so that none misses frame 0."""
    if subscribers:
        log.info("waiting for %d to subscribe; --wait-subscribers 0 starts at once", subscribers)
    present = 0
    while present < subscribers and not stop.is_set():
        if link.poll(POLL_MS):
            request = link.recv()[:1]
            present += (request == b"\x01") - (request == b"\x00")  # a peer may send anything else as well
