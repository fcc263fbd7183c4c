"""Brings up the engine for a geometry beside the main thread, so that status keeps flowing meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

from engine.errors import EngineError, EngineUnavailable
from engine.estimator import Estimator
from engine.factory import load, resolve
from engine.spec import Acquisition, EngineSpec
from streamer.config import Config, EngineConfig
from streamer.errors import ConfigError
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion, engine_spec, region_of
from streamer.health import Health
from streamer.metrics import Metrics
from streamer.step import StrainStep
from streamer.stopping import Stop, StopRequested

OpenEngine = Callable[[EngineSpec], Estimator]
T = TypeVar("T")

BUILDING_AT_MOST: Final = 120.0
"""s to load libraries from a slow disk, build an estimator and try it."""
SLOWER_THAN_FIRST: Final = 5.0  # a pair may take so many times as long as the first one did

log = logging.getLogger(__name__)


class EngineBuilder:
    """Loads the engine's libraries at once and builds an estimator for each geometry that comes. Main thread.

    `open_engine` replaces the configured engine.
    """

    def __init__(
        self, open_engine: OpenEngine | None, config: Config, health: Health, metrics: Metrics
    ) -> None:
        self._config = config
        self._health = health
        self._metrics = metrics
        self._acquisition: Acquisition | None = None
        self._step: StrainStep | None = None
        self._built: Future[tuple[Estimator, FrameRegion]] | None = None
        settings = config.engine
        self.pair_at_most = settings.timeout
        """s that a pair may take: the configured time, or more where the engine's first pair was slow."""
        self._decides = open_engine is None and settings.name == "auto"
        self._opener: Future[OpenEngine] = _beside_main(lambda: open_engine or _opener(settings))

    @property
    def busy(self) -> bool:
        """Whether libraries are being loaded or an engine built still: a process should not wait for it."""
        return not (self._opener.done() and (self._built is None or self._built.done()))

    def raise_if_unavailable(self) -> None:
        """Raise EngineUnavailable as soon as loading has shown that the engine cannot run here."""
        if self._opener.done():
            self._opener.result()

    def is_new(self, frame: RfFrame) -> bool:
        """Whether `step_for` has to build something for this frame."""
        return self._step is None or frame.header.acquisition != self._acquisition

    def step_for(self, frame: RfFrame, stop: Stop, while_waiting: Callable[[], None]) -> StrainStep:
        """The step for this frame's geometry, built now if it is new.

        A geometry that no estimator can serve makes a step without one, and a FAULT that names the cause.
        Raises EngineUnavailable, and StopRequested where the run is to end meanwhile.
        """
        if self._step is not None and not self.is_new(frame):
            return self._step
        self._health.building = True
        try:
            _wait(self._opener, stop, while_waiting)
            opener = self._opener.result()
            self._built = built = _beside_main(lambda: self._build(opener, frame))
            _wait(built, stop, while_waiting)
        finally:
            self._health.building = False
        epoch = self._step.epoch if self._step else 0
        estimator: Estimator | None = None
        region = FrameRegion.whole(frame.header)
        try:
            estimator, region = built.result()
        except EngineUnavailable:
            raise  # it cannot run here at all: no other geometry would help
        except (EngineError, ConfigError) as error:
            log.error("no engine for this acquisition: %s", error, extra={"limit_by": "build"})
            self._health.fault = str(error)
        except Exception as error:
            log.exception("no engine for this acquisition", extra={"limit_by": "build"})
            self._health.fault = f"the engine cannot be built for this acquisition: {error!r}"
        else:
            self._health.fault = None
            if self._decides:  # `auto` is decided by the acquisition
                engine = self._config.engine
                self._health.engine = resolve("auto", weights_of(engine), estimator.spec, engine.device)
            self._health.precision = estimator.precision
            self._metrics.engine(estimator.name, estimator.precision, self._config.engine.device)
            log.info(
                "engine %s ready for %s samples x lines",
                estimator.name,
                frame.header.shape,
                extra={"limit_by": "ready"},  # a sender may change its geometry with every frame
            )
        self._step = StrainStep(estimator, region, self._config, epoch)
        self._acquisition = frame.header.acquisition
        return self._step

    def _build(self, opener: OpenEngine, frame: RfFrame) -> tuple[Estimator, FrameRegion]:
        header, settings = frame.header, self._config.engine
        region = region_of(header, self._config.region, settings.axial_window * 1e-3)
        estimator = opener(engine_spec(header, region, self._config))
        # the first inference allocates and compiles: it happens here, not while frames wait
        samples = region.crop(frame.samples)
        begun = time.monotonic()
        try:
            estimator.propose(samples, samples)
        except Exception:
            log.exception(
                "the engine failed on its first frame; it will be tried on every pair",
                extra={"limit_by": "warm-up"},
            )
        estimator.reset()
        self.pair_at_most = max(settings.timeout, SLOWER_THAN_FIRST * (time.monotonic() - begun))
        return estimator, region


def weights_of(settings: EngineConfig) -> Path | None:
    """The configured weights, as the engine's factory takes them."""
    return Path(settings.weights) if settings.weights else None


def _opener(settings: EngineConfig) -> OpenEngine:
    opener = load(settings.name, settings.threads, weights_of(settings), settings.precision)
    return lambda spec: opener(spec, settings.device)


def _beside_main(task: Callable[[], T]) -> "Future[T]":
    """Run a task in a thread that never keeps the process alive."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(task())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks for the result
            future.set_exception(error)

    threading.Thread(target=work, name="engine-builder", daemon=True).start()
    return future


def _wait(future: "Future[T]", stop: Stop, meanwhile: Callable[[], None]) -> None:
    """Wait for the result without blocking the status; raises StopRequested when the run is to end."""
    while not future.done():
        meanwhile()
        if stop.wait(0.02):
            raise StopRequested
