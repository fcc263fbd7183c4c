"""Publishes the node's health: status messages at a fixed rate, health over HTTP, log lines."""

import logging
import time
from collections.abc import Callable

from streamer.config import Config, result_settings
from streamer.frame_counters import FrameCounters
from streamer.headers import StatusHeader
from streamer.health import Health
from streamer.http import Answer
from streamer.metrics import Metrics
from streamer.publisher import Publisher
from streamer.reasons import StateName
from streamer.wire import encode

PROGRESS_WITHIN = 5.0  # s without a turn of the main loop before /livez fails

log = logging.getLogger(__name__)


class StatusPublisher:
    """Main thread, except for what `routes` hands out: that reads values which are replaced, not changed."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        *,
        frame_counters: FrameCounters,
        health: Health,
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._publisher = publisher
        self._frame_counters = frame_counters
        self._health = health
        self._metrics = metrics
        self._configuration = result_settings(config)
        self._state: StateName = "STARTING"
        self._reasons: tuple[str, ...] = ()
        self._last_turn = time.perf_counter()
        self._due = self._last_turn
        metrics.health(self._state)

    def configured(self, config: Config) -> None:
        """Report this configuration from the next message on."""
        self._config, self._configuration = config, result_settings(config)

    def until_next(self) -> float:
        """Seconds until a status message is due."""
        return max(0.0, self._due - time.perf_counter())

    def tick(self) -> None:
        """Send a status message if one is due."""
        now = time.perf_counter()
        self._last_turn = now
        if now >= self._due:
            interval = self._config.output.status_interval
            self._due = max(self._due + interval, now)  # after a long step: not a burst, just the next one
            self.emit(*self._health.state(self._frame_counters.counts(), now))

    def emit(self, state: StateName, reasons: tuple[str, ...]) -> None:
        """Send a status message with this state now."""
        if state != self._state:
            log.info("%s%s", state, ": " + "; ".join(reasons) if reasons else "")
            self._metrics.health(state)
        self._state, self._reasons = state, reasons
        frame_counters, health, config = self._frame_counters, self._health, self._config
        counts, now = frame_counters.counts(), time.perf_counter()
        header = StatusHeader(
            source_id=health.source_id,
            state=state,
            origin=health.origin,
            reasons=tuple(reason[:200] for reason in reasons),
            engine=health.engine[0],
            engine_note=health.engine[1][:600],
            precision=health.precision,
            device=health.device,
            pairing=config.pairing.described,
            policy=config.pairing.policy,
            frame_rate=health.frame_rate(),
            frame_age=health.frame_age(now),
            received=counts.received,
            refused={str(reason): count for reason, count in counts.refused.items()},
            overwritten=counts.overwritten,
            lost=counts.lost,
            published_valid=counts.published_valid,
            published_no_value=counts.published_no_value,
            in_flight=max(0, counts.in_flight),
            latency_p50=frame_counters.latency(50),
            latency_p99=frame_counters.latency(99),
            status_interval=config.output.status_interval,
            configuration=self._configuration,
        )
        self._publisher.send(encode("status", header))

    def routes(self) -> dict[str, Callable[[], Answer]]:
        """The HTTP paths and what answers them, from any thread."""
        return {"/metrics": self._metrics_page, "/livez": self._livez, "/readyz": self._readyz}

    def _metrics_page(self) -> Answer:
        return 200, "text/plain; version=0.0.4; charset=utf-8", self._metrics.text()

    def _livez(self) -> Answer:
        stuck = time.perf_counter() - self._last_turn
        alive = stuck < PROGRESS_WITHIN
        text = "alive\n" if alive else f"no progress for {stuck:.1f} s\n"
        return (200 if alive else 503), "text/plain", text.encode()

    def _readyz(self) -> Answer:
        ready = self._state in ("LIVE", "REPLAY", "DEGRADED")
        text = "\n".join((self._state, *self._reasons)) + "\n"
        return (200 if ready else 503), "text/plain", text.encode()
