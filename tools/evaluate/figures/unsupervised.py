"""Figures of an engine on a recording without truth, none of which is sufficient alone.

Preserved mean (mean strain over displacement difference), closure of three frames, correlation after warping
and the range that the predicted standard deviation explains, temporal stability, and accepted pairs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.estimator import Estimator
from engine.metrics.accuracy import Map, Mask, mean_preserved
from engine.metrics.closure import Closure, PairMaps, closure
from engine.metrics.correlation import in_band, warped_ncc
from engine.metrics.stability import Stability, stability
from engine.spec import EngineSpec, StrainResult
from engine.strain.bound import BoundCase, explained_ncc
from streamer.config import Config
from streamer.geometry import engine_spec
from streamer.step import StrainMessage, StrainStep
from tools.errors import RecordingError
from tools.evaluate.methods import Engines, Setting
from tools.formats import Recording
from tools.playback import Loop, frames_of, playback
from tools.process import frame_region, process

ASSUMED_BANDWIDTH: Final = (
    0.6  # fractional: recordings do not state it, and std depends only on its square root
)
PASSED: Final = 1.0  # of the centre frequency, full width of the band in which frames are compared
MIN_COVERAGE: Final = (
    0.9  # of the largest coverage of any row (or line): from here on it is part of the region
)

Estimate = Callable[[int, int], StrainResult]


@dataclass(frozen=True, kw_only=True, eq=False)
class Watched:
    """A recording processed by one engine: the data of figures and images."""

    spec: EngineSpec
    frames: Mapping[int, NDArray[Any]]
    """Input of the engine, by frame number."""
    estimate: Estimate
    """Result of any two of these frames, computed once."""
    messages: Sequence[StrainMessage]
    region: Mask
    """Rectangle of the result's grid, one strain window inside the displayed area that has values."""

    def grid(self) -> StrainResult:
        """Any result, because all have the same grid."""
        return next(m.result for m in self.messages if m.result is not None)


def watch(recording: Recording, config: Config, engine: str, engines: Engines, loop: Loop = "off") -> Watched:
    """Process a recording in the live step with `engine`, which may also be the plain block matcher.

    Raises RecordingError (also where no pair can be estimated), ConfigError, EngineError.
    """
    header, region = frame_region(recording, config)
    spec = engine_spec(header, region, config)
    estimator = engines(Setting(engine=engine), spec)
    n = frames_of(recording.n_frames, loop)
    messages = list(
        process(recording, config, frames=n, loop=loop, step=StrainStep(estimator, region, config))
    )
    cues = list(islice(playback(recording.t_acq, recording.frame_index, loop), n))
    frames = {cue.frame_index: np.array(region.crop(recording.frame(cue.position))) for cue in cues}
    results = [m.result for m in messages if m.result is not None]
    if not results:
        raise RecordingError(f"{recording.path}: no two frames of it make a pair")
    shown = region.mask(results[0])
    coverage = np.mean([m.pair_quality.valid for m in messages if m.pair_quality is not None], axis=0)
    return Watched(
        spec=spec,
        frames=frames,
        estimate=_remembered(estimator, frames),
        messages=messages,
        region=_rectangle(coverage if shown is None else coverage * shown, results[0], spec),
    )


def unsupervised_figures(watched: Watched) -> dict[str, float]:
    """Figures of one engine on one recording; NaN where the recording does not determine one."""
    pairs = [m for m in watched.messages if m.header.pre_index is not None]
    accepted = [m for m in pairs if m.header.rejection is None]
    kept, weights = _means_kept(accepted, watched.region)
    measured, low, high = _correlations(watched, accepted)
    triples = _closures(watched)
    single, fused = (_steady(watched, of) for of in (single_image, fused_image))
    return {
        "pairs": float(len(pairs)),
        "accepted": len(accepted) / len(pairs),
        "mean_strain": _median([abs(m.header.mean_strain or 0.0) for m in accepted]),
        "mean_preserved": float(np.average(kept, weights=weights)) if sum(weights) else float("nan"),
        "mean_preserved_worst": max(kept, key=lambda value: abs(value - 1.0), default=float("nan")),
        "closure": triples.z,
        "closure_strain": triples.strain,
        "closure_samples": triples.rows * _row_step(watched.grid()),
        "ncc": measured,
        "ncc_explained_low": low,
        "ncc_explained_high": high,
        "steady_single": single.ncc,
        "steady_fused": fused.ncc,
        "change_single": single.change,
        "change_fused": fused.change,
    }


def single_image(message: StrainMessage) -> tuple[int, Map, int] | None:
    """(frame number, relative strain with NaN where invalid, step in rows of the result)."""
    result, pair_quality, header = message.result, message.pair_quality, message.header
    if header.rejection is not None or result is None or pair_quality is None or not header.mean_strain:
        return None
    relative = np.where(pair_quality.valid, result.axial_strain / np.float32(header.mean_strain), np.nan)
    return header.pre_index or 0, relative, 1


def fused_image(message: StrainMessage) -> tuple[int, Map, int] | None:
    """The same for the fused image; None if this pair adds nothing to it."""
    if message.fused is None or message.result is None:
        return None
    relative = message.fused.arrays[0]
    return message.header.post_index, relative, -(-len(message.result.axial_index) // len(relative))


def _remembered(estimator: Estimator, frames: Mapping[int, NDArray[Any]]) -> Estimate:
    results: dict[tuple[int, int], StrainResult] = {}

    def estimate(pre: int, post: int) -> StrainResult:
        if (pre, post) not in results:
            results[pre, post] = estimator.propose(frames[pre], frames[post])
        return results[pre, post]

    return estimate


def _rectangle(coverage: Map, result: StrainResult, spec: EngineSpec) -> Mask:
    """From the first to the last row and line with nearly full coverage, less one strain window."""
    inside: Mask = np.ones(coverage.shape, bool)
    ratios = (
        (0, spec.axial_window / spec.sample_pitch / _row_step(result)),
        (1, max(1.0, spec.lateral_window / spec.line_spacing)),
    )
    for axis, margin in ratios:
        fraction = coverage.mean(axis=1 - axis)
        # relative to the best row, because every row lacks the lines outside a region of interest
        full = (
            np.flatnonzero(fraction >= MIN_COVERAGE * fraction.max())
            if fraction.max() > 0
            else np.empty(0, int)
        )
        keep = np.zeros(coverage.shape[axis], bool)
        if full.size:
            keep[full[0] + round(margin) : max(full[-1] + 1 - round(margin), 0)] = True
        inside &= keep[:, None] if axis == 0 else keep[None, :]
    return inside


def _row_step(result: StrainResult) -> float:
    return float(result.axial_index[1] - result.axial_index[0])


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def _means_kept(accepted: Sequence[StrainMessage], region: Mask) -> tuple[list[float], list[float]]:
    """(mean strain over displacement difference, |mean strain|) of every pair whose ratio is defined.

    Weighted by strain, the mean ratio is the sum of means over the sum of differences; both are noise where
    the press reverses.
    """
    kept, weights = [], []
    for message in accepted:
        result = message.result
        assert result is not None  # noqa: S101 - an accepted pair has a result
        value = mean_preserved(result.axial_strain, result.axial_displacement, result.axial_index, region)
        if np.isfinite(value):
            kept.append(value)
            weights.append(abs(message.header.mean_strain or 0.0))
    return kept, weights


def _correlations(watched: Watched, accepted: Sequence[StrainMessage]) -> tuple[float, float, float]:
    """(NCC after warping, lowest and highest NCC that the predicted std explains), medians over pairs.

    Lowest: noise is independent in every line of the window; highest: common to all lines, as for
    out-of-plane motion with speckle wider than the window. The actual one lies between.
    """
    spec, region = watched.spec, watched.region
    if not region.any() or spec.kind == "iq":  # displacement turns the phase of baseband IQ
        return float("nan"), float("nan"), float("nan")
    case = BoundCase(
        center_frequency=spec.center_frequency,
        fractional_bandwidth=ASSUMED_BANDWIDTH,
        axial_window=spec.axial_window,
        lateral_window=spec.lateral_window,
        line_pitch=spec.line_spacing,
        sound_speed=spec.sound_speed,
    )
    measured, low, high = [], [], []
    for message in accepted:
        result, pre = message.result, message.header.pre_index
        assert result is not None  # noqa: S101 - an accepted pair has a result
        assert pre is not None  # noqa: S101 - and a pre frame
        frames = (
            in_band(watched.frames[number], spec.center_frequency / spec.sampling_frequency, PASSED)
            for number in (pre, message.header.post_index)
        )
        measured.append(
            warped_ncc(
                *frames,
                axial=result.axial_displacement,
                lateral=result.lateral_displacement,
                rows=result.axial_index,
                columns=result.lateral_index,
                region=region,
            )
        )
        std = result.strain_std[region]
        low.append(float(np.median(explained_ncc(std, case))))
        high.append(float(np.median(explained_ncc(std, replace(case, line_pitch=spec.lateral_window)))))
    return _median(measured), _median(low), _median(high)


def _closures(watched: Watched) -> Closure:
    """Of every three consecutive frames, whatever the pairing, because a short recording has few others."""
    numbers = sorted(watched.frames)
    total = Closure()
    for i, j, k in zip(numbers, numbers[1:], numbers[2:], strict=False):
        first, second, both = (_on_rows(watched.estimate(*pair)) for pair in ((i, j), (j, k), (i, k)))
        total += closure(first, second, both, watched.region)
    return total


def _on_rows(result: StrainResult) -> PairMaps:
    return PairMaps(
        axial=result.axial_displacement / np.float32(_row_step(result)),
        lateral=result.lateral_displacement,
        strain=result.axial_strain,
        std=result.strain_std,
    )


def _steady(watched: Watched, image: Callable[[StrainMessage], tuple[int, Map, int] | None]) -> Stability:
    """Of consecutive images after compensation of the tissue's motion between their frames."""
    total = Stability()
    for (a, before, every), (b, after, _) in pairwise(
        found for m in watched.messages if (found := image(m)) is not None
    ):
        if a == b:
            continue
        motion = _on_rows(watched.estimate(a, b))
        rows = slice(None, None, every)
        total += stability(
            before, after, motion.axial[rows] / every, motion.lateral[rows], watched.region[rows]
        )
    return total
