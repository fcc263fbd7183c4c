"""The language of the engine: what an estimator is built for and what it returns.

Arrays are (axial, lateral): rows are depth, columns are scan lines, C order. Axial is along the beam and
positive away from the probe.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidAcquisition

AXIAL_WINDOW = 2.0e-3
"""m, length of the strain window along the beam unless another is asked for."""
LATERAL_WINDOW = 1.0e-3
"""m, its width across the lines."""

FloatArray: TypeAlias = NDArray[np.float32]
FrameArray: TypeAlias = NDArray[np.int16] | NDArray[np.float32] | NDArray[np.complex64]

Stopwatch: TypeAlias = Callable[[str], AbstractContextManager[object]]
"""`with stopwatch("infer"):` times one stage of the work; the engine itself reads no clock."""


def no_stopwatch(stage: str) -> AbstractContextManager[object]:
    """Time nothing: for callers who only want the result."""
    return nullcontext()


ProbeType: TypeAlias = Literal["linear", "curved", "phased"]
Kind: TypeAlias = Literal["rf", "iq"]
Device: TypeAlias = Literal["cpu", "cuda"]
Policy: TypeAlias = Literal["fp32", "fp16-trunk"]
"""Where the network computes in half precision: nowhere, or in its trunk alone."""
POLICIES: dict[Policy, str] = {"fp32": "float32", "fp16-trunk": "float16 trunk"}
"""Policies and the `precision` of their results. TF32 is in neither: it moves strain by up to four of its
standard deviations. Positions are float32 in both: float16 is wrong by a quarter of a sample at depth."""
QualityRejection: TypeAlias = Literal["decorrelated", "no_motion", "too_much_motion", "sliding"]
"""Why a pair that has a result is unusable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionConstants:
    """Constants of one probe setting, whatever the size of its frames; SI units."""

    sampling_frequency: float
    """Hz, along the beam."""
    center_frequency: float
    """Hz, nominal; the estimators measure the received one on the data."""
    line_pitch: float
    """Between neighbouring lines: m for a linear probe, rad for curved and phased ones."""
    probe_type: ProbeType = "linear"
    probe_radius: float = 0.0
    """m, 0 for linear and phased probes."""
    kind: Kind = "rf"
    """Real RF, or complex baseband IQ."""
    demodulation_frequency: float = 0.0
    """Hz that IQ was mixed down by; 0 for RF."""
    sound_speed: float = 1540.0
    """m/s."""
    initial_time: float = 0.0
    """s, time of the first sample after transmit."""
    steering_angles: tuple[float, ...] = ()
    """rad, one per transmit of a compounded frame."""

    @property
    def sample_pitch(self) -> float:
        """Depth between two samples in metres: c / (2 fs), because the echo travels there and back."""
        return self.sound_speed / (2.0 * self.sampling_frequency)

    @property
    def start_depth(self) -> float:
        """Depth of the first sample in metres."""
        return self.sound_speed * self.initial_time / 2.0


def sampling_frequency_of(sample_pitch: float, sound_speed: float) -> float:
    """Hz at which samples lie `sample_pitch` metres apart: the inverse of `sample_pitch`."""
    return sound_speed / (2.0 * sample_pitch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition(AcquisitionConstants):
    """Geometry and constants of the frames of one probe setting.

    Two frames make a pair only where these are equal. Raises InvalidAcquisition where a value is impossible.
    """

    shape: tuple[int, int]
    """(n_axial, n_lateral) of one frame."""

    def __post_init__(self) -> None:
        n_axial, n_lateral = self.shape
        if n_axial < 64 or n_lateral < 4:
            msg = f"shape {self.shape}: a strain map needs at least 64 axial samples and 4 lines"
            raise InvalidAcquisition(msg)
        for name in ("sampling_frequency", "center_frequency", "line_pitch", "sound_speed"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InvalidAcquisition(f"{name} = {value}: must be positive and finite")
        if self.kind == "rf" and self.center_frequency >= self.sampling_frequency / 2:
            msg = (
                f"center_frequency = {self.center_frequency:g} Hz lies above half the sampling_frequency "
                f"({self.sampling_frequency:g} Hz): give both in Hz"
            )
            raise InvalidAcquisition(msg)

    @property
    def line_spacing(self) -> float:
        """Metres between neighbouring lines; for curved and phased probes at the middle of the depth."""
        if self.probe_type == "linear":
            return self.line_pitch
        depth = self.shape[0] * self.sample_pitch / 2 + self.start_depth
        return self.line_pitch * (self.probe_radius + depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec(Acquisition):
    """An acquisition, and the windows that a strain map is to be computed with.

    Raises InvalidAcquisition where a value is impossible.
    """

    axial_window: float = AXIAL_WINDOW
    """m, length of the least-squares strain window along the beam."""
    lateral_window: float = LATERAL_WINDOW
    """m, its width across the lines."""

    def __post_init__(self) -> None:
        Acquisition.__post_init__(self)  # super() does not work in dataclasses with slots
        cycle = self.sound_speed / (2.0 * self.center_frequency)
        if not self.axial_window >= max(2 * self.sample_pitch, cycle) or not self.lateral_window > 0:
            raise InvalidAcquisition(
                f"strain window {self.axial_window * 1e3:g} x {self.lateral_window * 1e3:g} mm: along "
                f"the beam it must hold two samples and one cycle of the carrier, {cycle * 1e3:.2g} mm "
                f"at center_frequency = {self.center_frequency:g} Hz"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorModel:
    """Correlation of an estimator's errors: between neighbours, and between the pairs of a tissue."""

    window: tuple[float, float] | None
    """Samples and lines over which neighbours share noise, which is high-pass along the beam: coarser maps
    have far less of it. None: the estimator has already chosen the resolution of every pixel."""
    shared: float
    """Share of the variance of a pair, 0-1, that is one and the same error in all pairs of a tissue."""
    correlation: tuple[float, float] | None = None
    """Samples and lines, as of the correlation exp(-(d / length)^2) between neighbours; None: not measured.
    The deviation of a region's mean depends on it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrainResult:
    """Estimate of one pair, on its own regular grid of (rows, cols).

    Pre is the grid: pre(z, x) matches post(z + axial_displacement, x + lateral_displacement). Every array
    holds an estimate everywhere; where it cannot be trusted, `strain_std` is large (inf: no information).
    """

    axial_displacement: FloatArray
    """(rows, cols), samples of the full sampling frequency, post position minus pre position."""
    lateral_displacement: FloatArray
    """(rows, cols), lines."""
    axial_strain: FloatArray
    """(rows, cols), du/dz, dimensionless, negative where tissue is compressed from pre to post."""
    strain_std: FloatArray
    """(rows, cols), standard deviation of `axial_strain`."""
    ncc: FloatArray
    """(rows, cols), local correlation of pre and displacement-compensated post, -1..1."""
    axial_index: FloatArray
    """(rows,), axial sample of each row, evenly spaced."""
    lateral_index: FloatArray
    """(cols,), line of each column, evenly spaced."""
    rejection: QualityRejection | None = None
    """None, or the reason why the estimator itself calls this pair unusable."""
    lateral_std: Callable[[], FloatArray] | None = None
    """Computes the standard deviation of `lateral_displacement`, (rows, cols) in lines, inf: no information.
    It reads the pair's pre frame, so it is asked before that is overwritten. None: not known."""
    state: Any = None
    """The estimator's state after this pair; `Estimator.commit` makes it current."""
    fresh_state: bool = False
    """Whether the estimator could not go on from the last committed pair, and began with no memory."""
