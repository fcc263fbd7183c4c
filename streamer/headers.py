"""Headers of every message, as typed schemas. SI units unless a name gives another unit.

Unknown optional fields are ignored so that peers may be newer; required ones are checked in type and range.
"""

import re
from dataclasses import fields
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.spec import Acquisition, Kind, ProbeType
from streamer.ranges import Count, Finite, Fraction, NonNegative, Positive
from streamer.reasons import StateName

SOURCE_ID: Final = r"^[a-z0-9-]{1,32}$"
SourceId = Annotated[str, Field(pattern=SOURCE_ID)]
Reason = Annotated[str, Field(max_length=32)]
# wide enough for every scanner, narrow enough that no product of two of them overflows
Frequency = Annotated[float, Field(ge=1e4, le=1e10)]
Length = Annotated[float, Field(ge=0, le=10)]
PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"  # text reaches terminals, logs and windows
AssumedLine = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
Assumed = Annotated[tuple[AssumedLine, ...], Field(max_length=24)]

Nanoseconds = Annotated[int, Field(ge=-(2**63), lt=2**63)]

Origin = Literal["live", "replay"]
Clock = Literal["unix", "monotonic", "device"]
Mark = Literal["first", "last", ""]

PROTOCOL_VERSION: Final = 1
NO_SOURCE: Final = "none"
"""source_id of a node's status before the first frame."""


class _Header(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    version: Literal[1] = PROTOCOL_VERSION
    source_id: SourceId


class RfHeader(_Header):
    """One RF or IQ frame as the scanner bridge describes it; sent whole with every frame."""

    schema_name: Literal["musse.rf"] = Field("musse.rf", alias="schema")
    session_id: Annotated[str, Field(min_length=1, max_length=64, pattern=PRINTABLE)]
    """Changes whenever frame_index restarts."""
    frame_index: Count
    """Running number within the session; order and loss come from it alone."""
    t_acq: Nanoseconds
    """ns on `clock`; gives the interval between frames, never their order."""
    clock: Clock
    shape: tuple[Annotated[int, Field(ge=64, le=65536)], Annotated[int, Field(ge=4, le=4096)]]
    """(n_axial, n_lateral), whatever the order in memory."""
    axes: Literal["axial,lateral", "lateral,axial"]
    """Order of the payload in memory, slowest first."""
    dtype: Literal["<i2", "<f4", "<c8"]
    kind: Kind
    sampling_frequency: Frequency
    """Hz."""
    center_frequency: Frequency
    """Hz."""
    probe_type: ProbeType
    line_pitch: Annotated[float, Field(ge=1e-6, le=0.1)]
    """m between lines of a linear probe, rad for the others."""
    sound_speed: Annotated[float, Field(ge=300, le=6000)] = 1540.0
    """m/s."""
    initial_time: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """s, time of the first sample after transmit."""
    demodulation_frequency: Annotated[float, Field(ge=0, le=1e10)] = 0.0
    """Hz that IQ was mixed down by."""
    probe_radius: Length = 0.0
    """m, 0 for a linear probe."""
    steering_angles: tuple[Finite, ...] = ()
    """rad, one per transmit of a compounded frame."""
    orientation: Annotated[str, Field(max_length=16, pattern=PRINTABLE)] = ""
    status: Annotated[str, Field(max_length=32, pattern=PRINTABLE)] = "OK"
    """'OK', or why the scanner calls this frame unusable."""
    payload_crc32: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    """zlib.crc32 of the payload; checked when present."""
    origin: Origin = "live"
    """With replay the node's state is REPLAY instead of LIVE."""
    assumed: Assumed = ()
    """Fields the sender measured or assumed, such as 'center_frequency: measured on the data'."""

    @model_validator(mode="after")
    def _consistent(self) -> "RfHeader":
        if (self.kind == "iq") != (self.dtype == "<c8"):
            raise ValueError(f"kind {self.kind!r} does not go with dtype {self.dtype!r}")
        if self.kind == "rf" and self.center_frequency >= self.sampling_frequency / 2:
            raise ValueError("center_frequency must lie below half the sampling_frequency")
        if self.probe_type == "curved" and self.probe_radius == 0:
            raise ValueError("a curved probe needs its probe_radius")
        return self

    @property
    def mark(self) -> Mark:
        """At which line the probe's orientation mark lies, of `orientation` as PLUS writes it.

        MF and FM: the lines run towards the marked side, so that the last one lies there. UF, FU: the first.
        """
        code = self.orientation.upper()
        if not ORIENTATION.fullmatch(code):
            return ""
        return "last" if "M" in code else "first"

    @property
    def acquisition(self) -> Acquisition:
        """The constants of the frame: frames pair only where these are equal."""
        return Acquisition(**{field.name: getattr(self, field.name) for field in fields(Acquisition)})

    @property
    def nbytes(self) -> int:
        """Bytes of the payload that `shape` and `dtype` promise."""
        itemsize = {"<i2": 2, "<f4": 4, "<c8": 8}[self.dtype]
        return self.shape[0] * self.shape[1] * itemsize


ORIENTATION: Final = re.compile("[MU][FN][AD]?|[FN][MU][AD]?")
"""Orientations as PLUS writes them."""


class ArrayEntry(BaseModel):
    """Name, type and shape of one array part behind a result header."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    name: Annotated[str, Field(max_length=32)]
    dtype: Literal["<f4", "|u1"]
    shape: tuple[Annotated[int, Field(ge=1, le=65536)], Annotated[int, Field(ge=1, le=65536)]]


class Grid(BaseModel):
    """Where the rows and columns of a map lie in the body."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    axial_start: Finite
    """m, depth of the first row below the probe surface."""
    axial_step: Positive
    """m between rows."""
    lateral_start: Finite
    """m (rad for curved and phased probes) of the first column, 0 in the middle of the probe."""
    lateral_step: Positive
    """m or rad between columns."""
    probe_type: ProbeType
    probe_radius: NonNegative = 0.0
    mark: Mark = ""
    """Column at which the probe's orientation mark lies; empty where the scanner does not state it."""


class _ResultHeader(_Header):
    session_id: Annotated[str, Field(max_length=64)]
    arrays: tuple[ArrayEntry, ...]


class StrainHeader(_ResultHeader):
    """One pair's strain, or no value and the reason. Arrays: axial_strain, strain_std (float32).

    Strain is du/dz of the displacement from pre to post, dimensionless, negative in compression, on the pre
    frame's grid; NaN means no value. A rejected pair has `rejection` set and carries no arrays and no grid.
    """

    schema_name: Literal["musse.strain"] = Field("musse.strain", alias="schema")
    pre_index: Count | None
    """frame_index of pre; None where the pair has no pre."""
    post_index: Count
    grid: Grid | None
    interval: Finite | None
    """s from pre to post; None where the clock jumped or there is no pre."""
    strain_unit: Literal["1"] = "1"
    strain_sign: Literal["compression negative"] = "compression negative"
    mean_strain: Finite | None
    """Median of the confident pixels of the region of interest, signed."""
    quality: Fraction
    """0 (unusable) to 1."""
    predicted_snre: NonNegative | None
    """|mean strain| / sigma: below 2 a display shows no new single-pair image."""
    median_ncc: Finite | None
    lateral_motion: Finite | None
    """lines, median."""
    rejection: Reason | None
    region: tuple[Finite, Finite, Finite, Finite] | None
    """Region of interest: axial from, to, lateral from, to, in the units of `grid`; None: whole frame."""
    state_epoch: Count
    """Counts resets of the estimator."""
    state_age: Count
    """Accepted pairs since that reset."""
    engine: Annotated[str, Field(max_length=32)]
    precision: Annotated[str, Field(max_length=16)]
    device: Annotated[str, Field(max_length=16)] = ""
    """Where the engine computed; '' from nodes that do not state it."""
    model_hash: Annotated[str, Field(max_length=64)] | None
    axial_window: Positive | None
    """m, strain window along the beam; None: the engine chooses its own, pixel by pixel."""
    lateral_window: Positive | None
    """m, across; None together with `axial_window`."""
    origin: Origin = "live"
    """Whether the frames came from a scanner or from a recording."""
    stage_seconds: dict[Annotated[str, Field(max_length=16)], NonNegative]
    """Seconds of each stage of this result."""
    assumed: Assumed
    t_acq: Nanoseconds | None = None
    """ns, acquisition time of the post frame on `clock`; None from nodes that do not send it."""
    clock: Clock = "device"
    """Of `t_acq`."""


class FusedHeader(_ResultHeader):
    """Many pairs as one image. Arrays: relative_strain, relative_std (float32).

    relative_strain is strain divided by the region's signed median: 1 = average, below 1 harder, the same in
    press and release; NaN means no value. It lies on the post frame's grid.
    """

    schema_name: Literal["musse.fused"] = Field("musse.fused", alias="schema")
    post_index: Count
    """frame_index of the newest frame in it."""
    grid: Grid
    time_constant: Positive
    """s: a pair this old weighs 1/e."""
    effective_pairs: NonNegative
    """How many equally weighted pairs it is worth."""
    region: tuple[Finite, Finite, Finite, Finite] | None
    """As in a strain message."""
    correlation_axial: Positive | None = None
    """m along the beam, as of the correlation exp(-(d / length)^2) of errors; None: not measured."""
    correlation_lateral: Positive | None = None
    """The same across, for curved and phased probes at the middle of the depth."""
    origin: Origin = "live"
    """Of the newest frame."""
    engine: Annotated[str, Field(max_length=32)]
    model_hash: Annotated[str, Field(max_length=64)] | None
    assumed: Assumed


class BmodeHeader(_ResultHeader):
    """Log-compressed envelope of one frame. Array: bmode, uint8, 0 = floor, 255 = 0 dB."""

    schema_name: Literal["musse.bmode"] = Field("musse.bmode", alias="schema")
    frame_index: Count
    grid: Grid
    dynamic_range_db: Positive
    assumed: Assumed


class StatusHeader(_Header):
    """How the node is, at a fixed rate even without frames."""

    schema_name: Literal["musse.status"] = Field("musse.status", alias="schema")
    state: StateName
    origin: Origin = "live"
    """Of the newest frame, whatever the state: a replay that is degraded is still a replay."""
    reasons: tuple[Annotated[str, Field(max_length=200)], ...]
    """Why DEGRADED or FAULT, or what else is wrong while WAITING or STALE; one phrase each."""
    engine: Annotated[str, Field(max_length=32)]
    engine_note: Annotated[str, Field(max_length=600)]
    """Which engine was taken and why not a better one."""
    precision: Annotated[str, Field(max_length=16)] = ""
    device: Annotated[str, Field(max_length=16)] = ""
    """Arithmetic of its results, as in a strain message; empty before it is built."""
    pairing: Annotated[str, Field(max_length=32)]
    policy: Literal["latest", "every"]
    frame_rate: NonNegative | None
    """Hz received; None before two frames came."""
    frame_age: NonNegative | None
    """s since the last accepted frame was received."""
    received: Count
    refused: dict[Reason, Count]
    overwritten: Count
    lost: Count
    published_valid: Count
    published_no_value: Count
    in_flight: Count
    latency_p50: NonNegative | None
    """s from a frame's arrival to its strain being sent, over the last results."""
    latency_p99: NonNegative | None
    status_interval: Positive
    """s between status messages: a display derives from it when the node is lost."""
    configuration: Annotated[str, Field(max_length=8192)] = ""
    """JSON of the settings that results depend on; no address, no name of a file."""


ResultHeader: TypeAlias = StrainHeader | FusedHeader | BmodeHeader | StatusHeader
