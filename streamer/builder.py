"""Brings up the engine for a geometry beside the main thread, so that status keeps flowing meanwhile."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Final

from engine.device import check_device, device_of
from engine.errors import EngineError, EngineNotBuilt, EngineUnavailable, EstimateFailed
from engine.estimator import Estimator
from engine.factory import load
from engine.spec import Acquisition, EngineSpec, StrainResult
from streamer.beside import Beside, start, wait
from streamer.config import Config, EngineConfig
from streamer.engine_choice import choice, weights_of
from streamer.errors import ConfigError
from streamer.frame import RfFrame
from streamer.geometry import FrameRegion, configured_region, engine_spec
from streamer.health import Health
from streamer.metrics import Metrics
from streamer.step import Propose, StrainStep
from streamer.stopping import Stop

OpenEngine = Callable[[EngineSpec], Estimator]

WARM_UP_PAIRS: Final = 4  # an ONNX session lays out its memory in its second run and is at speed in the third
WARM_UP_AT_MOST: Final = 1.0  # s after which no further one begins
SLOWER_THAN_FIRST: Final = 5.0  # a pair may take so many times as long as the first one did

log = logging.getLogger(__name__)


class EngineBuilder:
    """Loads the engine's libraries at once and builds an estimator for each geometry that comes. Main thread.

    `open_engine` replaces the configured engine; `beside` runs what is slow.
    """

    def __init__(
        self,
        open_engine: OpenEngine | None,
        beside: Beside,
        config: Config,
        health: Health,
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._health = health
        self._metrics = metrics
        self._acquisition: Acquisition | None = None
        self._step: StrainStep | None = None
        self._announced: tuple[str, str] | None = None
        self._beside = beside
        settings = config.engine
        self.pair_at_most = settings.timeout
        """s that a pair may take: the configured time, or more where the engine's first pair was slow."""
        self._configured = open_engine is None
        self._opener: Future[OpenEngine] = start(lambda: open_engine or _opener(settings))

    @property
    def busy(self) -> bool:
        """Whether libraries are being loaded or an engine built still: a process should not wait for it."""
        return not self._opener.done() or self._beside.busy

    def set_fusion(self, time_constant: float) -> Config:
        """Fuse with this time constant (s; 0: off) from now on; returns the configuration that holds it."""
        fusion = self._config.fusion.model_copy(update={"time_constant": time_constant})
        self._config = self._config.model_copy(update={"fusion": fusion})
        if self._step is not None:
            self._step.set_fusion(fusion)
        return self._config

    def raise_if_unavailable(self) -> None:
        """Raise EngineUnavailable as soon as loading has shown that the engine cannot run here."""
        if self._opener.done():
            self._opener.result()

    def step_for(self, frame: RfFrame, stop: Stop, while_waiting: Callable[[], None]) -> StrainStep:
        """The step for this frame's geometry, built now if it is new.

        A geometry that no estimator can serve makes a step without one, and a FAULT that names the cause; so
        does one whose engine could not be compiled, if an earlier one could. Raises EngineUnavailable, and
        StopRequested where the run is to end meanwhile.
        """
        if self._step is not None and frame.header.acquisition == self._acquisition:
            if self._step.estimator is not None:
                self._announce(self._step.estimator)
            return self._step
        epoch = self._step.epoch if self._step else 0
        estimator: Estimator | None = None
        region = FrameRegion.whole(frame.header)
        try:
            with self._beside.building():
                wait(self._opener, stop, while_waiting)
                opener = self._opener.result()
                estimator, region = self._beside.run(lambda: self._build(opener, frame), stop, while_waiting)
        except EngineUnavailable as error:
            if self._step is None or not isinstance(error, EngineNotBuilt):
                raise  # it cannot run here at all: no other geometry would help
            self._fault(error)
        except (EngineError, ConfigError) as error:
            self._fault(error)
        except Exception as error:
            log.exception("no engine for this acquisition", extra={"limit_by": "build"})
            self._health.fault = f"the engine cannot be built for this acquisition: {error!r}"
        else:
            self._health.fault = None
            self._announced = None
            self._announce(estimator)
            log.info(
                "engine %s ready for %s samples x lines on the %s: %s",
                estimator.name,
                frame.header.shape,
                self._health.device,
                self._health.engine[1],
                extra={"limit_by": "ready"},  # a sender may change its geometry with every frame
            )
        slowly = partial(self._slowly, region=region, stop=stop, while_waiting=while_waiting)
        self._step = StrainStep(estimator, region, self._config, epoch, slowly)
        self._acquisition = frame.header.acquisition
        return self._step

    def _slowly(
        self, propose: Propose, region: FrameRegion, stop: Stop, while_waiting: Callable[[], None]
    ) -> StrainResult:
        """A pair that the estimator has to prepare for: the carrier moved, for example."""
        try:
            with self._beside.building():
                return self._beside.run(propose, stop, while_waiting)
        except EngineNotBuilt as error:
            self._fault(error)
            self._step = StrainStep(None, region, self._config, self._step.epoch if self._step else 0)
            raise EstimateFailed(str(error)) from error

    def _fault(self, error: Exception) -> None:
        log.error("no engine for this acquisition: %s", error, extra={"limit_by": "build"})
        self._health.fault = str(error)

    def _announce(self, estimator: Estimator) -> None:
        """State which engine runs and why, where that is new."""
        found = estimator.name, estimator.note
        if found == self._announced:
            return
        if self._announced is not None:
            log.warning("the engine changes from %s to %s (%s)", self._announced[0], *found)
        self._announced = found
        if self._configured:  # `auto` is decided by the acquisition
            self._health.engine = choice(self._config.engine, estimator)
        self._health.precision = estimator.precision
        self._health.device = device_of(estimator.name, self._config.engine.where)
        self._metrics.engine(estimator.name, estimator.precision, self._health.device)

    def _build(self, opener: OpenEngine, frame: RfFrame) -> tuple[Estimator, FrameRegion]:
        header = frame.header
        region = configured_region(header, self._config)
        estimator = opener(engine_spec(header, region, self._config))
        # the first inferences allocate and compile: that happens here, not while frames wait
        samples = region.crop(frame.samples)
        took = 0.0
        try:
            if not estimator.ready(samples):
                estimator.propose(samples, samples)
            begun = time.monotonic()
            for _ in range(WARM_UP_PAIRS):
                last = time.monotonic()
                estimator.propose(samples, samples)
                took = time.monotonic() - last
                if time.monotonic() - begun > WARM_UP_AT_MOST:
                    break
        except EngineUnavailable:
            raise
        except EngineError as error:
            log.warning("engine, on its first frame: %s", error, extra={"limit_by": "warm-up"})
        except Exception:
            log.exception(
                "the engine failed on its first frame; it will be tried on every pair",
                extra={"limit_by": "warm-up"},
            )
        estimator.reset()
        self.pair_at_most = max(self._config.engine.timeout, SLOWER_THAN_FIRST * took)
        return estimator, region


def _opener(settings: EngineConfig) -> OpenEngine:
    check_device(settings.name, settings.device)
    opener = load(settings.name, settings.threads, weights_of(settings), settings.precision)
    return lambda spec: opener(spec, settings.where)
