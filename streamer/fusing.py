"""The fused strain image: which pairs enter it, when it is reset, how it is sent."""

from dataclasses import dataclass

from engine.estimator import Estimator
from engine.sequence.fusion import FusedStrain, Fusion
from engine.sequence.quality import PairQuality
from engine.spec import FloatArray, StrainResult
from streamer.config import FusionConfig
from streamer.geometry import FrameRegion, grid_of
from streamer.headers import ArrayEntry, FusedHeader, RfHeader
from streamer.pairing import FramePair
from streamer.reasons import FRESH_SCENE, Rejection

CUT_NCC = 0.5  # frames that match less show another scene: no motion compensation carries over


@dataclass(frozen=True, slots=True, eq=False)
class FusedMessage:
    """An image ready to be sent or written to a file."""

    header: FusedHeader
    arrays: tuple[FloatArray, FloatArray]
    """relative_strain, relative_std."""


class Fusing:
    """Feeds the accepted pairs of one geometry to a `Fusion`. One thread."""

    def __init__(self, config: FusionConfig, region: FrameRegion, estimator: Estimator | None) -> None:
        self._engine = estimator.name if estimator else "none"
        self._model_hash = estimator.model_hash if estimator else None
        self._errors = estimator.error_model if estimator else None
        self._correlation = _correlation(estimator)
        self._region = region
        self._fusion: Fusion | None = None
        self._last: RfHeader | None = None
        self.set_config(config)

    def set_config(self, config: FusionConfig) -> None:
        """Fuse with these settings from the next pair on; earlier pairs fade with the new time constant."""
        self._config = config
        if self._errors is None or config.time_constant <= 0:
            self._fusion = None
        elif self._fusion is None:
            self._fusion = Fusion(config.time_constant, errors=self._errors)
        else:
            self._fusion.time_constant = config.time_constant

    def update(
        self,
        pair: FramePair,
        result: StrainResult | None,
        pair_quality: PairQuality | None,
        rejection: Rejection | None,
    ) -> FusedMessage | None:
        """The image after this pair; None where the pair adds nothing or fusion is off.

        The scene is reset where the pair has no pre frame for a reason of `FRESH_SCENE`, or where the two
        frames do not resemble each other at all.
        """
        if self._fusion is None:
            return None
        ncc = pair_quality.median_ncc if pair_quality else None
        if rejection in FRESH_SCENE or (rejection == "decorrelated" and (ncc is None or ncc < CUT_NCC)):
            self._fusion.reset()
            self._last = None
        if rejection is not None or result is None or pair_quality is None or pair.pre is None:
            return None
        if pair_quality.mean_strain is None or (pair_quality.predicted_snre or 0.0) < self._config.min_snre:
            return None
        elapsed = self._elapsed(pair.post.header)
        if elapsed is None:
            self._fusion.reset()
        self._last = pair.post.header
        fused = self._fusion.update(
            result,
            mean_strain=pair_quality.mean_strain,
            valid=pair_quality.valid,
            pre_index=pair.pre.header.frame_index,
            post_index=pair.post.header.frame_index,
            elapsed=elapsed or 0.0,
        )
        return self._message(fused, pair.post.header)

    def _elapsed(self, post: RfHeader) -> float | None:
        """Seconds since the last pair that was taken; None before any, or where the clock jumped."""
        last = self._last
        if last is None or last.clock != post.clock:
            return None
        seconds = (post.t_acq - last.t_acq) * 1e-9
        return seconds if seconds >= 0.0 else None

    def _message(self, fused: FusedStrain, post: RfHeader) -> FusedMessage:
        arrays = (fused.relative_strain, fused.relative_std)
        names = ("relative_strain", "relative_std")
        header = FusedHeader(
            source_id=post.source_id,
            session_id=post.session_id,
            arrays=tuple(ArrayEntry(name=name, dtype="<f4", shape=arrays[0].shape) for name in names),
            post_index=post.frame_index,
            grid=grid_of(post, fused.axial_index, fused.lateral_index, self._region),
            time_constant=self._config.time_constant,
            effective_pairs=fused.effective_pairs,
            region=self._region.limits,
            correlation_axial=self._correlation[0],
            correlation_lateral=self._correlation[1],
            origin=post.origin,
            engine=self._engine,
            model_hash=self._model_hash,
            assumed=post.assumed,
        )
        return FusedMessage(header, arrays)


def _correlation(estimator: Estimator | None) -> tuple[float, float] | tuple[None, None]:
    """m over which the errors of an estimate are alike, along and across; None where it was not measured."""
    lengths = estimator.error_model.correlation if estimator else None
    if estimator is None or lengths is None:
        return None, None
    return lengths[0] * estimator.spec.sample_pitch, lengths[1] * estimator.spec.line_spacing
