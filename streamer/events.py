"""Dispatches node events to the frame counters, the health state and the metrics."""

import time
from collections.abc import Mapping

from streamer.frame import RfFrame
from streamer.frame_counters import FrameCounters
from streamer.headers import RfHeader
from streamer.health import Health
from streamer.metrics import Metrics
from streamer.reasons import Rejection

MAX_AGE = 60.0  # s; beyond, the clock is a recording's or another host's and gives no age


class NodeEvents:
    """Frame events come in the receiver's thread, `strain_published` in the main one."""

    def __init__(self, frame_counters: FrameCounters, health: Health, metrics: Metrics) -> None:
        self.frame_received = frame_counters.frame_received
        self.frames_lost = frame_counters.frames_lost
        self.frame_refused = frame_counters.frame_refused
        self.link_reset = frame_counters.link_reset
        self._frame_counters = frame_counters
        self._health = health
        self._metrics = metrics

    def peer_changed(self, peer: str) -> None:
        """The other end of the RF link came, went or turned out to be something else."""
        self._health.peer = peer

    def other_source(self, source_id: str) -> None:
        """A frame of a source that is not listened to."""
        self._health.other_source(source_id)

    def frame_accepted(self, header: RfHeader, received: float, seconds: float) -> None:
        """A frame went into the ring; receiving and checking it took `seconds`."""
        self._health.frame_accepted(header, received)
        self._metrics.last_frame(time.time())
        self._metrics.stage("receive", seconds)

    def strain_published(
        self, post: RfFrame, rejection: Rejection | None, stages: Mapping[str, float]
    ) -> None:
        """The strain message of `post` went out."""
        latency = time.perf_counter() - post.received
        self._frame_counters.result_published(rejection, latency)
        self._health.pair_published(rejection)
        self._metrics.frame_to_strain(latency)
        for stage, seconds in stages.items():
            self._metrics.stage(stage, seconds)
        age = _acquisition_age(post.header)
        if age is not None:
            self._metrics.frame_age(age)


def _acquisition_age(header: RfHeader) -> float | None:
    """Seconds since acquisition; None where the header's clock is not one of this host's."""
    now = {"unix": time.time_ns, "monotonic": time.monotonic_ns}.get(header.clock)
    if now is None:
        return None
    seconds = (now() - header.t_acq) * 1e-9
    return seconds if 0.0 <= seconds < MAX_AGE else None
