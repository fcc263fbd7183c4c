"""Strain ratio B/A of one image, and of every press of the last seconds."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from engine.metrics.region import Ratio, RegionMean, covariance, ratio, region_mean
from tools.geometry import OBLIQUE, cell_areas, is_curved
from tools.measure.best import of_newest_scene
from tools.measure.deviation import limited
from tools.measure.frames import ImageFrame
from tools.measure.regions import Region, Regions

PRESS_SECONDS: Final = 5.0  # s that the values per press are taken from
MIN_PRESSES: Final = 3
_MAX_DEPTH: Final = 10.0  # mm between centres
_MAX_ANGLE: Final = 10.0  # degrees between centres under a curved probe
_MIN_VALID: Final = 0.8


class _Pressed(Protocol):
    @property
    def time(self) -> float: ...
    @property
    def mean_strain(self) -> float | None: ...


_FrameT = TypeVar("_FrameT", bound=_Pressed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One image, two regions."""

    frame_index: int
    time: float
    engine: str
    quality: float
    a: RegionMean
    b: RegionMean
    depth_a: float
    """mm"""
    depth_b: float
    beams_a: float | None
    """mm between beams at the middle of A, with which windows across widen; None of a linear probe."""
    beams_b: float | None
    ratio: Ratio
    correlation_assumed: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Presses:
    """One ratio per press."""

    values: tuple[float, ...]

    @property
    def text(self) -> str:
        """Median and range, or that the press was not repeated."""
        if len(self.values) < MIN_PRESSES:
            return f"not repeated ({len(self.values)} of {MIN_PRESSES} presses)"
        low, high = min(self.values), max(self.values)
        return f"{median(self.values):.2f} ({low:.2f} to {high:.2f}) in {len(self.values)} presses"


def measure(frame: ImageFrame, regions: Regions) -> Measurement:
    """Means of both regions and their ratio B/A; values are NaN where a region holds none."""
    grid, shape = frame.grid, frame.relative_strain.shape
    areas = cell_areas(grid, shape) * np.ones(shape)
    limits = [limited(_mean(frame, region, areas), frame.engine) for region in (regions.a, regions.b)]
    (lesion, local_a), (reference, local_b) = limits
    shared = math.sqrt(local_a * local_b) * _shared(frame, regions, areas)
    depths = [region.depth(grid) for region in (regions.a, regions.b)]
    spacings = [
        _pitch(frame, region)[1] * 1e3 if is_curved(grid) else None for region in (regions.a, regions.b)
    ]
    return Measurement(
        frame_index=frame.frame_index,
        time=frame.time,
        engine=frame.engine,
        quality=frame.quality,
        a=lesion,
        b=reference,
        depth_a=depths[0],
        depth_b=depths[1],
        beams_a=spacings[0],
        beams_b=spacings[1],
        ratio=ratio(reference, lesion, shared),
        correlation_assumed=not frame.correlation_stated,
        warnings=_warnings(frame, regions, (lesion, reference), depths),
    )


def presses(frames: Sequence[ImageFrame], regions: Regions) -> Presses:
    """The ratio at the strongest frame of each press in the last `PRESS_SECONDS` of `frames`."""
    return ratios(strongest_of_presses(of_newest_scene(frames)), regions)


def ratios(strongest: Sequence[ImageFrame], regions: Regions) -> Presses:
    """The ratio in each of these images; where a region has no value there is none."""
    values = [measure(frame, regions).ratio.value for frame in strongest]
    return Presses(tuple(value for value in values if math.isfinite(value)))


def strongest_of_presses(frames: Sequence[_FrameT]) -> list[_FrameT]:
    """The strongest frame of each press in the last `PRESS_SECONDS`.

    A press is a run of frames whose mean strain is negative; a rejected pair ends none.
    """
    if not frames:
        return []
    since = frames[-1].time - PRESS_SECONDS
    recent = [f for f in frames if f.time >= since and f.mean_strain is not None]
    strongest: list[_FrameT] = []
    pressing = False
    for frame in recent:
        strain = frame.mean_strain or 0.0
        if strain >= 0:
            pressing = False
        elif not pressing:
            pressing = True
            strongest.append(frame)
        elif strain < (strongest[-1].mean_strain or 0.0):
            strongest[-1] = frame
    return strongest


def as_row(measurement: Measurement, regions: Regions, **more: Any) -> dict[str, Any]:
    """A flat row of plain values for tables; numbers that do not exist are None."""
    row: dict[str, Any] = {
        "frame": measurement.frame_index,
        "time": measurement.time,
        "engine": measurement.engine,
        "quality": measurement.quality,
        "ratio": measurement.ratio.value,
        "ratio_low": measurement.ratio.low,
        "ratio_high": measurement.ratio.high,
        "ratio_text": measurement.ratio.text,
    }
    for name, mean, depth, beams in (
        ("a", measurement.a, measurement.depth_a, measurement.beams_a),
        ("b", measurement.b, measurement.depth_b, measurement.beams_b),
    ):
        row |= {
            f"{name}_mean": mean.mean,
            f"{name}_std": mean.std,
            f"{name}_snre": mean.snre,
            f"{name}_valid": mean.valid_share,
            f"{name}_depth_mm": depth,
            f"{name}_beam_spacing_mm": beams,
        }
        region: Region = getattr(regions, name)
        row |= {f"{name}_{key}": value for key, value in region.model_dump().items()}
    row |= {"warnings": "; ".join(measurement.warnings), **more}
    return {key: _plain(value) for key, value in row.items()}


def as_json(measurement: Measurement) -> dict[str, Any]:
    """Everything of a measurement as plain JSON values; numbers that do not exist are None."""
    fields = asdict(measurement)
    for name, mean in (("a", measurement.a), ("b", measurement.b)):
        fields[name] = {**{k: _plain(v) for k, v in fields[name].items()}, "snre": _plain(mean.snre)}
    values = {key: _plain(value) for key, value in fields["ratio"].items()}
    return {**fields, "ratio": {**values, "text": measurement.ratio.text}}


def _mean(frame: ImageFrame, region: Region, areas: Any) -> RegionMean:
    mean = region_mean(
        frame.relative_strain,
        frame.relative_std,
        region.mask(frame.grid, frame.relative_strain.shape),
        pitch=_pitch(frame, region),
        correlation=_correlation(frame, region),
        areas=areas,
    )
    on_map = region.share_on(frame.grid, frame.relative_strain.shape)
    return replace(mean, valid_share=mean.valid_share * on_map)


def _pitch(frame: ImageFrame, region: Region) -> tuple[float, float]:
    """m between rows and between columns at the region's depth."""
    grid = frame.grid
    depth = region.depth(grid) * 1e-3
    across = grid.lateral_step * ((grid.probe_radius + depth) if is_curved(grid) else 1.0)
    return grid.axial_step, across


def _correlation(frame: ImageFrame, region: Region) -> tuple[float, float]:
    """m over which errors are alike at the region's depth; under a curved probe they widen with its beams."""
    grid, (axial, lateral) = frame.grid, frame.correlation
    if not is_curved(grid):
        return axial, lateral
    middle = grid.axial_start + grid.axial_step * (frame.relative_strain.shape[0] - 1) / 2
    return axial, lateral * (grid.probe_radius + region.depth(grid) * 1e-3) / (grid.probe_radius + middle)


def _shared(frame: ImageFrame, regions: Regions, areas: Any) -> float:
    """Covariance of both means: errors of regions that touch are alike."""
    maps = []
    for region in (regions.a, regions.b):
        mask = region.mask(frame.grid, frame.relative_strain.shape)
        valid = mask & np.isfinite(frame.relative_strain) & np.isfinite(frame.relative_std)
        weights = np.where(valid, areas, 0.0)
        total = weights.sum()
        maps.append(np.where(valid, frame.relative_std, 0.0) * weights / total if total else weights)
    return covariance(*maps, pitch=_pitch(frame, regions.a), correlation=_correlation(frame, regions.a))


def _warnings(
    frame: ImageFrame, regions: Regions, means: Sequence[RegionMean], depths: Sequence[float]
) -> tuple[str, ...]:
    notes = []
    if abs(depths[0] - depths[1]) > _MAX_DEPTH:
        notes.append(f"A and B lie {abs(depths[0] - depths[1]):.0f} mm apart in depth")
    angles = [region.angle(frame.grid) for region in (regions.a, regions.b)]
    if abs(angles[0] - angles[1]) > _MAX_ANGLE:
        notes.append(f"A and B lie {abs(angles[0] - angles[1]):.0f} degrees apart")
    if max(map(abs, angles)) > math.degrees(OBLIQUE):
        notes.append("oblique beams: tissue at the sides looks harder than it is")
    for name, mean in zip("AB", means, strict=True):
        if mean.valid_share < _MIN_VALID:
            notes.append(f"{name} holds {100 * mean.valid_share:.0f} % valid pixels")
    if not frame.correlation_stated:
        notes.append("correlation lengths of the engine's errors are assumed")
    return tuple(notes)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
