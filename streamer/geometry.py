"""From frames to places in the body: engine specs, map grids, the region of interest. Metres and radians."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.spec import Acquisition, EngineSpec, FloatArray, StrainResult
from streamer.config import (
    AXIAL_WAVELENGTHS,
    LATERAL_WAVELENGTHS,
    SMALLEST_REGION,
    Config,
    EngineConfig,
    RegionConfig,
)
from streamer.errors import ConfigError, MessageRefused
from streamer.frame import check_samples
from streamer.headers import Grid, RfHeader


@dataclass(frozen=True, slots=True)
class FrameRegion:
    """The part of a frame that strain is computed in, and the part of it that is assessed and shown.

    The computed part is wider by one strain window, so that the shown part has no border of its own.
    """

    axial: slice
    """Samples handed to the engine."""
    lateral: slice
    """Lines handed to the engine."""
    shown_axial: tuple[float, float]
    """First and last sample that is shown, counted from the start of the frame."""
    shown_lateral: tuple[float, float]
    limits: tuple[float, float, float, float] | None
    """axial from, to, lateral from, to in m (or rad); None: the whole frame."""

    @classmethod
    def whole(cls, header: RfHeader) -> "FrameRegion":
        """All of a frame."""
        n_axial, n_lateral = header.shape
        return cls(slice(0, n_axial), slice(0, n_lateral), (0.0, n_axial - 1.0), (0.0, n_lateral - 1.0), None)

    def crop(self, samples: NDArray[Any]) -> NDArray[Any]:
        """The part of a frame that the engine gets; a view."""
        return samples[self.axial, self.lateral]

    def crop_shown(self, samples: NDArray[Any]) -> NDArray[Any]:
        """The part of a frame that is assessed and shown; a view."""
        rows, cols = (
            slice(math.ceil(first), math.floor(last) + 1)
            for first, last in (self.shown_axial, self.shown_lateral)
        )
        return samples[rows, cols]

    def mask(self, result: StrainResult) -> NDArray[np.bool_] | None:
        """(rows, cols) of the result that lie inside; None: all of them."""
        if self.limits is None:
            return None
        rows = result.axial_index + self.axial.start
        cols = result.lateral_index + self.lateral.start
        inside_rows = (rows >= self.shown_axial[0]) & (rows <= self.shown_axial[1])
        inside_cols = (cols >= self.shown_lateral[0]) & (cols <= self.shown_lateral[1])
        return np.asarray(inside_rows[:, None] & inside_cols[None, :])


USUAL_DEPTH = {"linear": (3.0, 40.0), "curved": (10.0, 80.0), "phased": (10.0, 80.0)}
"""mm, by the type of the probe: below the near field, and above where presses no longer reach."""
NEAR_AT_MOST = 0.2  # of the depth that the frame reaches
FAR_AT_MOST = 0.9
USUAL_ANGLE = 20.0  # degrees to both sides: beyond, beams are too oblique to the press
LARGEST_WINDOW = 1 / 3  # of the frame's depth and width


def windows_of(header: RfHeader, config: EngineConfig) -> tuple[float, float]:
    """The strain window on this geometry, m along the beam and across the lines.

    Where none is configured it has so many wavelengths of the stated carrier, and at most a third of the
    frame.
    """
    acquisition = header.acquisition
    wavelength = header.sound_speed / header.center_frequency
    depth, width = header.shape[0] * acquisition.sample_pitch, header.shape[1] * acquisition.line_spacing
    usual = (
        min(AXIAL_WAVELENGTHS * wavelength, LARGEST_WINDOW * depth),
        min(LATERAL_WAVELENGTHS * wavelength, LARGEST_WINDOW * width),
    )
    given = config.axial_window * 1e-3, config.lateral_window * 1e-3
    return given[0] or usual[0], given[1] or usual[1]


def usual_region(header: RfHeader, config: RegionConfig) -> RegionConfig:
    """The configured region, with the limits that suit the probe where it has none."""
    if config.whole:
        return config
    acquisition = header.acquisition
    start = acquisition.start_depth * 1e3
    end = start + header.shape[0] * acquisition.sample_pitch * 1e3
    near, far = USUAL_DEPTH[header.probe_type]
    near, far = min(near, NEAR_AT_MOST * end), min(far, FAR_AT_MOST * end)
    limits: dict[str, float] = {}
    if config.axial_from == config.axial_to == 0.0 and far - max(start, near) >= SMALLEST_REGION:
        limits |= {"axial_from": near, "axial_to": far}
    if config.lateral_from == config.lateral_to and header.probe_type != "linear":
        limits |= {"lateral_from": -USUAL_ANGLE, "lateral_to": USUAL_ANGLE}
    return config.model_copy(update=limits)


def configured_region(header: RfHeader, config: Config) -> FrameRegion:
    """The region that a node with this configuration computes strain in. Raises ConfigError."""
    return region_of(header, usual_region(header, config.region), windows_of(header, config.engine)[0])


def region_of(header: RfHeader, config: RegionConfig, margin: float) -> FrameRegion:
    """This region on this geometry (0 to 0: all of it), with `margin` metres around it for the engine.

    Raises ConfigError where the region lies outside the frame or is too small to hold a strain window.
    """
    n_axial, n_lateral = header.shape
    acquisition = header.acquisition
    dz, z0 = acquisition.sample_pitch, acquisition.start_depth
    whole_depth = config.axial_from == config.axial_to == 0.0
    whole_width = config.lateral_to == config.lateral_from
    if whole_depth and whole_width:
        return FrameRegion.whole(header)
    unit = 1e-3 if header.probe_type == "linear" else np.pi / 180
    middle = (n_lateral - 1) / 2
    first, last = 0.0, n_axial - 1.0
    left, right = 0.0, n_lateral - 1.0
    if not whole_depth:
        first = max(first, (config.axial_from * 1e-3 - z0) / dz)
        if config.axial_to > 0.0:
            last = min(last, (config.axial_to * 1e-3 - z0) / dz)
    if not whole_width:
        left = max(left, config.lateral_from * unit / header.line_pitch + middle)
        right = min(right, config.lateral_to * unit / header.line_pitch + middle)
    rows, cols = margin / dz, margin / acquisition.line_spacing
    axial = slice(max(0, int(first - rows)), min(n_axial, int(np.ceil(last + rows)) + 1))
    lateral = slice(max(0, int(left - cols)), min(n_lateral, int(np.ceil(right + cols)) + 1))
    empty = math.floor(last) < math.ceil(first) or math.floor(right) < math.ceil(left)
    if (
        empty
        or last <= first
        or right <= left
        or axial.stop - axial.start < 64
        or lateral.stop - lateral.start < 4
    ):
        deepest = (z0 + (n_axial - 1) * dz) * 1e3
        width = middle * header.line_pitch / unit
        raise ConfigError(
            f"region {config} leaves nothing to compute: the frame covers {z0 * 1e3:.1f} to {deepest:.1f} mm "
            f"and {-width:.1f} to {width:.1f} {'mm' if unit == 1e-3 else 'deg'}"
        )
    limits = (
        z0 + first * dz,
        z0 + last * dz,
        (left - middle) * header.line_pitch,
        (right - middle) * header.line_pitch,
    )
    return FrameRegion(axial, lateral, (first, last), (left, right), limits)


def check_frame(header: RfHeader, samples: NDArray[Any], config: Config) -> None:
    """Raise MessageRefused for a frame that no pair may hold; saturation counts inside the region only."""
    if header.status.upper() != "OK":
        raise MessageRefused("bad_status", f"frame {header.frame_index} is {header.status!r}")
    try:
        region = configured_region(header, config)
    except ConfigError:  # reported where the engine is built
        region = FrameRegion.whole(header)
    check_samples(samples, region=region.crop_shown(samples), max_saturated=config.quality.max_saturated)


def engine_spec(header: RfHeader, region: FrameRegion, config: Config) -> EngineSpec:
    """What an estimator for this geometry and region is built from. Raises InvalidAcquisition."""
    given = {field.name: getattr(header, field.name) for field in fields(Acquisition)}
    given["shape"] = (region.axial.stop - region.axial.start, region.lateral.stop - region.lateral.start)
    given["initial_time"] += region.axial.start / header.sampling_frequency
    axial_window, lateral_window = windows_of(header, config.engine)
    return EngineSpec(**given, axial_window=axial_window, lateral_window=lateral_window)


def grid_of(
    header: RfHeader, axial_index: FloatArray, lateral_index: FloatArray, region: FrameRegion
) -> Grid:
    """Where a result's rows and columns lie, from its sample and line indices within the region."""
    acquisition = header.acquisition
    dz = acquisition.sample_pitch
    middle = (header.shape[1] - 1) / 2
    steps = [float(index[-1] - index[0]) / (len(index) - 1) for index in (axial_index, lateral_index)]
    return Grid(
        axial_start=acquisition.start_depth + (region.axial.start + float(axial_index[0])) * dz,
        axial_step=steps[0] * dz,
        lateral_start=(region.lateral.start + float(lateral_index[0]) - middle) * header.line_pitch,
        lateral_step=steps[1] * header.line_pitch,
        probe_type=header.probe_type,
        probe_radius=header.probe_radius,
        mark=header.mark,
    )


def bmode_grid(header: RfHeader, shape: tuple[int, ...]) -> Grid:
    """Where the rows and columns of a whole frame's B-mode lie; its rows divide the depth evenly."""
    acquisition = header.acquisition
    depth = header.shape[0] * acquisition.sample_pitch
    return Grid(
        axial_start=acquisition.start_depth,
        axial_step=depth / shape[0],
        lateral_start=-(header.shape[1] - 1) / 2 * header.line_pitch,
        lateral_step=header.line_pitch,
        probe_type=header.probe_type,
        probe_radius=header.probe_radius,
        mark=header.mark,
    )
