"""The node: one function shows threads, buffers and order; everything else is called from there.

RF link -> [receiver thread] -> ring -> [main thread] pair -> step -> strain, B-mode -> results socket
                                                      status at a fixed rate
                        [threads of pairs] where the engine allows it, the network of several pairs at once
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from streamer.addresses import is_loopback
from streamer.beside import Beside, Compile
from streamer.bmode_message import bmode_message
from streamer.builder import EngineBuilder, OpenEngine
from streamer.config import Config, HttpConfig
from streamer.engine_choice import choice
from streamer.events import NodeEvents
from streamer.frame import RfFrame
from streamer.frame_counters import FrameCounters
from streamer.geometry import check_frame
from streamer.health import Health
from streamer.http import HealthServer
from streamer.interval import shortened_to
from streamer.metrics import Metrics
from streamer.pairing import Pairing
from streamer.pairs_in_work import PairInWork, PairsInWork, pairs_at_once
from streamer.publisher import Publisher
from streamer.reasons import Refusal, Rejection, Restart
from streamer.receiver import Receiver
from streamer.ring import FrameRing
from streamer.sockets import open_context
from streamer.status import StatusPublisher
from streamer.step import StrainMessage, StrainStep
from streamer.stopping import Stop
from streamer.tls import server_tls
from streamer.wire import encode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a started node can be reached."""

    results: str
    http: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of every frame of a run."""

    received: int
    lost: int
    refused: dict[Refusal, int]
    overwritten: int
    published_valid: int
    rejected: dict[Rejection, int]
    in_flight: int
    unaccounted: int
    """Frames without a recorded outcome: always 0, or there is a bug."""
    link_resets: int
    latency_p50: float | None
    """s, from a frame's arrival to its strain being sent."""
    latency_p99: float | None
    engine: str
    device: str
    """Where it computed; '' where none was built."""
    busy: bool
    """Whether an engine was still being loaded or built in its thread: the process should not wait for it."""


def run(
    config: Config,
    stop: Stop,
    on_ready: Callable[[Ready], None] = lambda ready: None,
    *,
    open_engine: OpenEngine | None = None,
    on_turn: Callable[[float], None] = lambda within: None,
    restarts: Mapping[Restart, int] | None = None,
    compile_engine: Compile | None = None,
) -> Summary:
    """Run the node in this thread until `stop` is set; returns what became of every frame.

    `open_engine` replaces the configured engine; `compile_engine` builds one that the configured engine lacks
    for an acquisition, beside the stream. `on_turn` is called with every turn of the loop; its argument
    promises the next call, in s. `restarts` counts why earlier nodes ended that this one replaces.
    Raises AddressInUse, ConfigError, EngineUnavailable.
    """
    security = config.security.load()
    frame_counters, health = FrameCounters(), Health(config.input.connect, config.input.source)
    health.engine = choice(config.engine)
    health.restarted(restarts or {})
    metrics = Metrics(frame_counters, version("musse-stream"), restarts)
    events = NodeEvents(frame_counters, health, metrics)
    pairing = Pairing(config.pairing)
    ring = FrameRing(
        config.input.ring_bytes,
        pairing.history,
        reach=pairing.reach,
        pairs=pairs_at_once(config.engine),
        keep_all=config.pairing.policy == "every",
        on_overwritten=frame_counters.frames_overwritten,
    )
    with ExitStack() as closing:
        context = open_context(security)
        closing.callback(context.term)
        publisher = Publisher(context, config.output)
        closing.callback(publisher.close)
        status = StatusPublisher(
            config,
            publisher,
            frame_counters=frame_counters,
            health=health,
            metrics=metrics,
        )
        http = _serve_health(config.http, status)
        if http is not None:
            closing.callback(http.close)
        builder = EngineBuilder(open_engine, Beside(compile_engine, health, on_turn), config, health, metrics)
        receiver = Receiver(context, config.input, ring, events, partial(check_frame, config=config))
        closing.callback(receiver.stop)
        health.insecure = insecurities(config)
        receiver.start()
        on_ready(Ready(publisher.address, http.address if http else None))

        def step_for(post: RfFrame) -> StrainStep:
            step = builder.step_for(post, stop, status.tick)
            on_turn(builder.pair_at_most)
            return step

        def publish(work: PairInWork) -> StrainMessage:
            on_turn(builder.pair_at_most)
            message = _publish_strain(work, publisher=publisher, events=events, stop=stop)
            _publish_bmode(work.pair.post, publisher, config)
            return message

        def turn() -> float:
            wanted = publisher.wanted_fusion()
            if wanted is not None:
                log.info("a display set the time constant of fusion to %g s", wanted)
                status.configured(builder.set_fusion(wanted))
            on_turn(builder.pair_at_most)
            health.closed = context.nobody_new()
            health.pairing_note = shortened_to(config.pairing, ring.history, health.frame_rate())
            status.tick()
            receiver.raise_if_failed()
            builder.raise_if_unavailable()
            return status.until_next()

        in_work = PairsInWork(config.pairing, ring, pairing, step_for, publish)
        in_work.run(stop, turn)
        status.emit("STOPPING", ())

    counts = frame_counters.counts()
    return Summary(
        received=counts.received,
        lost=counts.lost,
        refused=dict(counts.refused),
        overwritten=counts.overwritten,
        published_valid=counts.published_valid,
        rejected=dict(counts.rejected),
        in_flight=counts.in_flight,
        unaccounted=counts.in_flight - ring.waiting() - len(in_work),
        link_resets=counts.link_resets,
        latency_p50=frame_counters.latency(50),
        latency_p99=frame_counters.latency(99),
        engine=health.engine[0],
        device=health.device,
        busy=builder.busy or in_work.busy,
    )


def insecurities(config: Config) -> tuple[str, ...]:
    """The links that others can read or send to, as status reasons."""
    security, keep = config.security, config.keep
    bound = [config.output.bind] + [keep.bind] * bool(keep.memory)
    found = [
        f"INSECURE: {address} is bound without encryption"
        for address in bound
        if not security.key and not is_loopback(address)
    ]
    if not security.rf and not is_loopback(config.input.connect):
        found.append(f"INSECURE RF: frames come unencrypted from {config.input.connect}")
    return tuple(found)


def _serve_health(http: HttpConfig, status: StatusPublisher) -> HealthServer | None:
    """Metrics and health over HTTP or HTTPS; None where they are turned off."""
    tls = server_tls(http.certificate, http.certificate_key)
    return HealthServer(http.bind, status.routes(), tls) if http.bind else None


def _publish_strain(
    work: PairInWork,
    *,
    publisher: Publisher,
    events: NodeEvents,
    stop: Stop,
) -> StrainMessage:
    """Finish one pair, publish its result and update the counters.

    A stop signal may interrupt the computation (StopRequested) but never the publish.
    """
    with stop.interruptible():
        message = work.run()
    watch = work.watch
    with watch("encode"):
        header = message.header.model_copy(update={"stage_seconds": dict(watch.seconds)})
        parts = encode("strain", header, message.arrays)
    with watch("publish"):
        publisher.send(parts)
    events.strain_published(work.pair.post, message.rejection, watch.seconds)
    if message.fused is not None and publisher.wanted("fused", header.source_id):
        publisher.send(encode("fused", message.fused.header, message.fused.arrays))
    return message


def _publish_bmode(frame: RfFrame, publisher: Publisher, config: Config) -> None:
    """Send the frame's B-mode if anyone listens."""
    if publisher.wanted("bmode", frame.header.source_id):
        message = bmode_message(frame, config)
        if message is not None:  # else the node is in FAULT with the reason
            publisher.send(encode("bmode", message[0], (message[1],)))
