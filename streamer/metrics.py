"""Prometheus metrics, bound to the node's events in this one place."""

from collections.abc import Iterator, Mapping
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from streamer.frame_counters import FrameCounters
from streamer.reasons import REFUSALS, REJECTIONS, RESTARTS, Restart, StateName

# around the budget of a frame (20-100 ms), from a quick hop to a stuck second
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)


class Metrics:
    """All metrics of one node in a registry of its own. Safe to scrape from any thread."""

    def __init__(
        self, frame_counters: FrameCounters, version: str, restarts: Mapping[Restart, int] | None = None
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_CountersCollector(frame_counters))
        self._stage = Histogram(
            "musse_stage_seconds",
            "Time of one stage of one frame.",
            ["stage"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._frame_to_strain = Histogram(
            "musse_frame_to_strain_seconds",
            "From a frame's arrival to its strain being sent.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._age = Histogram(
            "musse_frame_age_seconds",
            "From acquisition to the strain being sent, where the clock is this host's.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._last_frame = Gauge(
            "musse_last_frame_unixtime_seconds", "When the last accepted frame came.", registry=self.registry
        )
        self._health = Gauge(
            "musse_health", "1 for the state the node is in.", ["state"], registry=self.registry
        )
        restarted = Counter(
            "musse_node_restarts", "Times the node was started again.", ["reason"], registry=self.registry
        )
        for reason in RESTARTS:
            restarted.labels(reason).inc((restarts or {}).get(reason, 0))
        build = Gauge("musse_build_info", "Version of the node.", ["version"], registry=self.registry)
        build.labels(version).set(1)
        self._engine = Gauge(
            "musse_engine_info", "Engine in use.", ["engine", "precision", "device"], registry=self.registry
        )

    def stage(self, name: str, seconds: float) -> None:
        """One stage of one frame took this long."""
        self._stage.labels(name).observe(seconds)

    def frame_to_strain(self, seconds: float) -> None:
        """A strain message went out this long after its frame came."""
        self._frame_to_strain.observe(seconds)

    def frame_age(self, seconds: float) -> None:
        """A strain message went out this long after its frame was acquired."""
        self._age.observe(seconds)

    def last_frame(self, unixtime: float) -> None:
        """An accepted frame came at this time."""
        self._last_frame.set(unixtime)

    def health(self, state: StateName) -> None:
        """The node is in this state now."""
        for name in get_args(StateName):
            self._health.labels(name).set(name == state)

    def engine(self, name: str, precision: str, device: str) -> None:
        """This engine computes from now on."""
        self._engine.clear()
        self._engine.labels(name, precision, device).set(1)

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self.registry)


class _CountersCollector(Collector):
    """Reads the frame counters when scraped, so that no number is kept twice."""

    def __init__(self, frame_counters: FrameCounters) -> None:
        self._frame_counters = frame_counters

    def collect(self) -> Iterator[Metric]:
        counts = self._frame_counters.counts()
        for name, help_text, value in (
            ("musse_frames_received", "Messages on the RF link, good or not.", counts.received),
            ("musse_frames_lost", "Holes in frame_index.", counts.lost),
            ("musse_frames_overwritten", "Accepted frames that never became a post.", counts.overwritten),
            ("musse_link_resets", "Times the RF socket was replaced.", counts.link_resets),
        ):
            yield CounterMetricFamily(name, help_text, value=value)
        refused = CounterMetricFamily("musse_frames_refused", "Frames refused.", labels=["reason"])
        for refusal in REFUSALS:
            refused.add_metric([refusal], counts.refused.get(refusal, 0))
        yield refused
        rejected = CounterMetricFamily(
            "musse_pairs_rejected", "Pairs published as no value.", labels=["reason"]
        )
        for rejection in REJECTIONS:
            rejected.add_metric([rejection], counts.rejected.get(rejection, 0))
        yield rejected
        published = CounterMetricFamily("musse_results_published", "Strain messages sent.", labels=["valid"])
        published.add_metric(["true"], counts.published_valid)
        published.add_metric(["false"], counts.published_no_value)
        yield published
