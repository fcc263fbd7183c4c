"""Where the node's events meet those who count them: the accounts, the condition and the metrics."""

import time
from collections.abc import Mapping

from streamer.accounts import Accounts
from streamer.frame import RfFrame
from streamer.headers import RfHeader
from streamer.health import Condition
from streamer.metrics import Metrics

LONGEST_AGE = 60.0  # s; beyond, the clock is a recording's or another host's and tells no age


class NodeEvents:
    """Frame events come in the receiver's thread, `strain_published` in the main one."""

    def __init__(self, accounts: Accounts, condition: Condition, metrics: Metrics) -> None:
        self.frame_received = accounts.frame_received
        self.frames_lost = accounts.frames_lost
        self.frame_refused = accounts.frame_refused
        self.link_reset = accounts.link_reset
        self._accounts = accounts
        self._condition = condition
        self._metrics = metrics

    def frame_accepted(self, header: RfHeader, received: float, seconds: float) -> None:
        """A frame went into the ring; receiving and checking it took `seconds`."""
        self._condition.frame_accepted(header, received)
        self._metrics.last_frame(time.time())
        self._metrics.stage("receive", seconds)

    def strain_published(self, post: RfFrame, rejection: str | None, stages: Mapping[str, float]) -> None:
        """The strain message of `post` went out."""
        latency = time.perf_counter() - post.received
        self._accounts.result_published(rejection, latency)
        self._condition.pair_judged(rejection)
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
    return seconds if 0.0 <= seconds < LONGEST_AGE else None
