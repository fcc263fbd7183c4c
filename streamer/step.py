"""One pair to one strain message. No socket and no clock of its own: live and offline call exactly this.

    pre-check -> estimator.propose -> pair quality -> commit or not -> fuse -> headers and arrays

The estimator's state changes only for accepted pairs. It is reset, and the epoch counted up, after a pair
without a pre frame, a gain jump, three rejections in a row or 250 ms without an accepted pair.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.device import device_of
from engine.errors import EngineError, EngineUnavailable
from engine.estimator import Estimator
from engine.sequence.quality import PairQuality, assess_pair_quality
from engine.spec import Stopwatch, StrainResult
from streamer.config import Config, FusionConfig
from streamer.frame import RfFrame
from streamer.fusing import FusedMessage, Fusing
from streamer.geometry import FrameRegion, grid_of
from streamer.headers import ArrayEntry, Grid, StrainHeader
from streamer.pairing import FramePair
from streamer.reasons import Rejection, rejection_named

GAIN_JUMP = 10 ** (3.0 / 20.0)  # 3 dB of amplitude: the operator turned a knob
MAX_REJECTED = 3  # in a row, before memory of older motion does more harm than good
MAX_MEMORY = 0.25  # s without an accepted pair

Propose: TypeAlias = Callable[[], StrainResult]
"""The estimate of one pair."""

log = logging.getLogger(__name__)


def in_place(propose: Propose) -> StrainResult:
    """Compute it here and now, however long it takes."""
    return propose()


@dataclass(frozen=True, slots=True, eq=False)
class StrainMessage:
    """Result of one pair, ready to be sent or written to a file."""

    header: StrainHeader
    arrays: tuple[NDArray[Any], ...]
    """In the order of header.arrays; empty for a rejected pair."""
    result: StrainResult | None
    """The engine's full result, also of a pair that quality rejected; None where no engine ran."""
    pair_quality: PairQuality | None
    fused: FusedMessage | None
    """The image of this pair and those before it; None where this pair adds nothing to it."""

    @property
    def rejection(self) -> Rejection | None:
        """Why the pair has no value; the header's field takes any text, because newer nodes may have more."""
        return rejection_named(self.header.rejection)


class StrainStep:
    """Runs pairs of one geometry through one estimator. One thread.

    Without an estimator (none can be built for this geometry) every pair is an engine_error. `epoch` carries
    the count of resets over from an earlier geometry. `slowly` computes a pair that the estimator has to
    prepare for, which takes seconds.
    """

    def __init__(
        self,
        estimator: Estimator | None,
        region: FrameRegion,
        config: Config,
        epoch: int = 0,
        slowly: Callable[[Propose], StrainResult] = in_place,
    ) -> None:
        self._slowly = slowly
        self._device = "" if estimator is None else device_of(estimator.name, config.engine.where)
        self._thresholds = config.quality.thresholds()
        self.estimator = estimator
        self.region = region
        self._fusing = Fusing(config.fusion, region, estimator)
        self.epoch = epoch
        self._age = 0
        self._rejected_in_row = 0
        self._silent_for = 0.0

    def set_fusion(self, config: FusionConfig) -> None:
        """Fuse with these settings from the next pair on."""
        self._fusing.set_config(config)

    def reset(self) -> None:
        """Forget every earlier pair."""
        if self.estimator is not None:
            self.estimator.reset()
        self.epoch += 1
        self._age = self._rejected_in_row = 0
        self._silent_for = 0.0

    def begin(self, pair: FramePair, stopwatch: Stopwatch) -> Propose | None:
        """What estimates this pair in any thread; None where earlier pairs have to be run before.

        Raises EngineError.
        """
        estimator = self.estimator
        if (
            estimator is None
            or not estimator.at_once
            or pair.pre is None
            or _gain_jumped(pair.pre, pair.post)
        ):
            return None
        pre, post = (self.region.crop(frame.samples) for frame in (pair.pre, pair.post))
        return estimator.begin(pre, post, stopwatch)

    def run(self, pair: FramePair, stopwatch: Stopwatch, estimate: Propose | None = None) -> StrainMessage:
        """Estimate one pair, assess its quality, describe it. `estimate` is that of a pair that was begun.

        Never raises for a frame or engine error, but EngineUnavailable where the engine cannot go on here.
        """
        result: StrainResult | None = None
        pair_quality: PairQuality | None = None
        grid: Grid | None = None
        rejection: Rejection | None = pair.rejection
        if pair.pre is None:
            self.reset()
        elif self.estimator is None:
            rejection = "engine_error"
        else:
            if estimate is None and _gain_jumped(pair.pre, pair.post):
                self.reset()
            try:
                proposed = (
                    estimate or partial(self._estimate, self.estimator, pair.pre, pair.post, stopwatch)
                )()
                with stopwatch("post"):
                    pair_quality = assess_pair_quality(proposed, self._thresholds, self.region.mask(proposed))
                    grid = grid_of(
                        pair.post.header, proposed.axial_index, proposed.lateral_index, self.region
                    )
            except EngineUnavailable:
                raise  # no later pair would fare better
            except EngineError as error:
                rejection = "engine_error"
                log.warning("engine: %s", error, extra={"limit_by": rejection})
            except Exception:
                rejection = "engine_error"
                log.exception("engine failed on one pair", extra={"limit_by": rejection})
            else:
                result, rejection = proposed, pair_quality.rejection
                self._settle(self.estimator, result, rejection, _interval(pair))
            if rejection == "engine_error":
                self.reset()
        fused: FusedMessage | None = None
        try:
            with stopwatch("fuse"):
                fused = self._fusing.update(pair, result, pair_quality, rejection)
        except Exception:
            log.exception("fusion failed on one pair", extra={"limit_by": "fusion"})
        return self._message(
            pair, result=result, pair_quality=pair_quality, rejection=rejection, grid=grid, fused=fused
        )

    def _estimate(
        self, estimator: Estimator, pre: RfFrame, post: RfFrame, stopwatch: Stopwatch
    ) -> StrainResult:
        first, second = (self.region.crop(frame.samples) for frame in (pre, post))
        propose = partial(estimator.propose, first, second, stopwatch)
        return propose() if estimator.ready(first) else self._slowly(propose)

    def _settle(
        self, estimator: Estimator, result: StrainResult, rejection: Rejection | None, interval: float | None
    ) -> None:
        if rejection is None:
            estimator.commit(result)
            if result.fresh_state and self._age:
                self.epoch, self._age = self.epoch + 1, 0
            self._age += 1
            self._rejected_in_row, self._silent_for = 0, 0.0
            return
        self._rejected_in_row += 1
        self._silent_for += interval or 0.0
        if self._rejected_in_row >= MAX_REJECTED or self._silent_for > MAX_MEMORY:
            self.reset()

    def _message(
        self,
        pair: FramePair,
        *,
        result: StrainResult | None,
        pair_quality: PairQuality | None,
        rejection: Rejection | None,
        grid: Grid | None,
        fused: FusedMessage | None,
    ) -> StrainMessage:
        post = pair.post.header
        estimator = self.estimator
        windowed = estimator is not None and estimator.error_model.window is not None
        spec = estimator.spec if estimator is not None and windowed else None
        arrays: tuple[NDArray[Any], ...] = ()
        entries: tuple[ArrayEntry, ...] = ()
        if rejection is None and result is not None and pair_quality is not None:
            maps = {"axial_strain": result.axial_strain, "strain_std": result.strain_std}
            arrays = tuple(
                np.where(pair_quality.valid, values, np.float32(np.nan)) for values in maps.values()
            )
            entries = tuple(
                ArrayEntry(name=name, dtype="<f4", shape=result.axial_strain.shape) for name in maps
            )
        header = StrainHeader(
            source_id=post.source_id,
            session_id=post.session_id,
            arrays=entries,
            pre_index=pair.pre.header.frame_index if pair.pre else None,
            post_index=post.frame_index,
            grid=grid if arrays else None,
            interval=_interval(pair),
            mean_strain=pair_quality.mean_strain if pair_quality else None,
            quality=pair_quality.quality if pair_quality else 0.0,
            predicted_snre=pair_quality.predicted_snre if pair_quality else None,
            median_ncc=pair_quality.median_ncc if pair_quality else None,
            lateral_motion=pair_quality.lateral_motion if pair_quality else None,
            rejection=rejection,
            region=self.region.limits,
            state_epoch=self.epoch,
            state_age=self._age,
            engine=self.estimator.name if self.estimator else "none",
            precision=self.estimator.precision if self.estimator else "none",
            device=self._device,
            model_hash=self.estimator.model_hash if self.estimator else None,
            axial_window=spec.axial_window if spec else None,
            lateral_window=spec.lateral_window if spec else None,
            origin=post.origin,
            stage_seconds={},
            assumed=post.assumed,
            t_acq=post.t_acq,
            clock=post.clock,
        )
        return StrainMessage(header, arrays, result, pair_quality, fused)


def _interval(pair: FramePair) -> float | None:
    """Seconds from pre to post; None without a pre, or where the clock jumped."""
    if pair.pre is None or pair.pre.header.clock != pair.post.header.clock:
        return None
    seconds = (pair.post.header.t_acq - pair.pre.header.t_acq) * 1e-9
    return seconds if 0.0 < seconds < 60.0 else None


def _gain_jumped(pre: RfFrame, post: RfFrame) -> bool:
    before, after = _power(pre), _power(post)
    ratio = math.sqrt(after / before) if before > 0 else math.inf
    return not 1 / GAIN_JUMP < ratio < GAIN_JUMP


def _power(frame: RfFrame) -> float:
    """Variance of every 32nd sample: a converter's offset is no signal."""
    return float(np.var(frame.samples[::8, ::4].astype(np.complex128)))
