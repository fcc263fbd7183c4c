"""Every setting of the node, with unit, default and limits; `tools.display.config` has the display's.

The models are the only source: `configs/default.toml` is written from them by `musse-stream config show`, and
a test keeps the two equal. Command-line options override the file; unknown keys are refused.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from engine.device import DeviceChoice, chosen_device, device_of
from engine.sequence.quality import Thresholds
from engine.spec import Device, Policy
from streamer.curve import Security, parse_public, read_keys
from streamer.ranges import Finite, Fraction, NonNegative, Positive

Strain = Annotated[float, Field(gt=0, le=1)]  # 0.01 is 1 %


def _window(value: float) -> float:
    # wide enough for every probe, narrow enough to catch metres given as millimetres
    if value != 0.0 and not 0.05 <= value <= 100.0:
        raise ValueError(f"a strain window of {value:g} mm: give 0.05 to 100 mm, or 0 for the usual one")
    return value


WindowMm = Annotated[float, AfterValidator(_window)]

CONFIG_VERSION: Final = 1
AXIAL_WAVELENGTHS: Final = 13.0
"""Of the carrier in the strain window along the beam: 4 mm at 5 MHz."""
LATERAL_WAVELENGTHS: Final = 6.5
"""The same across the lines."""
SMALLEST_REGION: Final = 0.5
"""mm: a region of interest that is not as deep holds no strain; it was given in metres."""
_LIMITS: Final = Thresholds()


class Section(BaseModel):
    """A table of the file: unknown keys are refused, and no type is converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class InputConfig(Section):
    """Where RF frames come from."""

    connect: str = Field("tcp://127.0.0.1:5560", description="address of the scanner bridge or replay")
    source: str = Field("", description="source_id to accept; empty: the first one that sends")
    max_frame_bytes: int = Field(16 * 2**20, ge=4096, description="larger frames are not received, bytes")
    ring_bytes: int = Field(64 * 2**20, ge=2**20, description="memory of the frame ring, bytes")
    high_water_mark: int = Field(64, ge=2, description="messages the link may queue before it drops")


class PairingConfig(Section):
    """Which two frames make a pair."""

    mode: Literal["time", "sequential", "stride", "keyframe", "auto"] = Field(
        "time",
        description="time: `interval` apart; sequential: (k-1, k); stride: (k-N, k); keyframe: (key, k); "
        "auto: best SNRe",
    )
    interval: Annotated[float, Field(ge=0.005, le=2.0)] = Field(
        0.13, description="s between the frames of a pair of time pairing, at any frame rate"
    )
    stride: int = Field(1, ge=1, le=64, description="N of stride pairing, frames")
    max_stride: int = Field(6, ge=1, le=16, description="largest N that auto may choose, frames")
    policy: Literal["latest", "every"] = Field(
        "latest", description="latest: newest frame first, skips when late; every: all frames in order"
    )
    key_min_ncc: Fraction = Field(
        0.85, description="a new key frame, or a shorter interval, when the median NCC falls below this"
    )
    key_max_strain: Strain = Field(0.015, description="or |mean strain| exceeds this")
    key_max_age: int = Field(
        8, ge=1, le=32, description="or, of a key frame, when it is older than this, frames"
    )
    key_max_lateral: Positive = Field(1.5, description="or |lateral motion| exceeds this, lines")

    @property
    def described(self) -> str:
        """The mode with the number that it depends on, such as 'stride 3'."""
        if self.mode == "time":
            return f"time {self.interval:g} s"
        return f"{self.mode} {self.stride}" if self.mode == "stride" else self.mode


class RegionConfig(Section):
    """Region of interest: strain is computed, assessed and normalised inside it. 0 to 0: by the probe."""

    whole: bool = Field(
        False, description="0 to 0 is the whole frame, without the limits that suit the type of the probe"
    )
    axial_from: NonNegative = Field(0.0, description="mm below the probe")
    axial_to: NonNegative = Field(0.0, description="mm; 0: to the end")
    lateral_from: Finite = Field(0.0, description="mm (deg for curved probes) from the probe's middle")
    lateral_to: Finite = Field(0.0, description="mm or deg; equal to lateral_from: all lines")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.axial_to != 0.0 and self.axial_to - self.axial_from < SMALLEST_REGION:
            raise ValueError(
                f"axial_from = {self.axial_from:g} mm to axial_to = {self.axial_to:g} mm is no depth range: "
                f"axial_to has to lie {SMALLEST_REGION:g} mm or more below axial_from, or is 0 for the end"
            )
        if self.lateral_to < self.lateral_from:
            raise ValueError(
                f"lateral_from = {self.lateral_from:g} lies to the right of lateral_to = {self.lateral_to:g}"
            )
        return self


class EngineConfig(Section):
    """What computes strain."""

    name: str = Field(
        "auto",
        description="auto, reference, musse, onnx, eager, cuda, tensorrt or trivial: "
        "see `musse-stream run --help`",
    )
    weights: str = Field("", description="weights file (.safetensors) of the network; empty: the package's")
    device: DeviceChoice = Field("auto", description="where it runs; auto: an NVIDIA card where there is one")
    precision: Policy = Field(
        "fp32", description="of the network; float16 in its trunk with eager, cuda and tensorrt only"
    )
    axial_window: WindowMm = Field(
        0.0,
        description="least-squares strain window along the beam, mm; 0: "
        f"{AXIAL_WAVELENGTHS:g} wavelengths of the carrier",
    )
    lateral_window: WindowMm = Field(
        0.0, description=f"the same across the lines, mm; 0: {LATERAL_WAVELENGTHS:g} wavelengths"
    )
    timeout: float = Field(
        5.0, ge=1.0, le=600.0, description="a pair that takes longer ends the node, which starts again; s"
    )
    build_timeout: float = Field(
        1800.0,
        ge=10.0,
        le=86400.0,
        description="a compiler that `run` starts beside the stream is ended after this, s",
    )
    threads: int = Field(
        1, ge=0, le=256, description="CPU threads of a pair; 0: all cores. More than 1 is rarely faster"
    )
    pairs_at_once: int = Field(
        0,
        ge=0,
        le=16,
        description="pairs that onnx computes at the same time when frames come faster than results; "
        "0: one a core, at most 4. Where other work wants the cores, one after the other",
    )

    @property
    def where(self) -> Device:
        """The device that `device` stands for on this computer; with auto one that the engine can run on."""
        chosen = chosen_device(self.device)
        return device_of(self.name, chosen) if self.device == "auto" else chosen


class QualityConfig(Section):
    """When a pair is rejected, and which pixels count as confident."""

    min_ncc: Fraction = Field(_LIMITS.min_ncc, description="median NCC after motion compensation")
    min_strain: Fraction = Field(_LIMITS.min_strain, description="|mean strain| below this is no motion")
    max_strain: Strain = Field(_LIMITS.max_strain, description="|mean strain| above this is too much motion")
    max_lateral: Positive = Field(
        _LIMITS.max_lateral, description="|median lateral motion| above this is sliding, lines"
    )
    min_one_sign: Fraction = Field(
        _LIMITS.min_one_sign,
        description="share of 8 x 8 blocks of the region that must strain in the same direction",
    )
    max_strain_std: Strain = Field(
        _LIMITS.max_strain_std, description="pixels with a larger strain_std hold no value"
    )
    max_saturated: Fraction = Field(
        0.01, description="a frame with a larger share of clipped samples in the region is refused"
    )

    def thresholds(self) -> Thresholds:
        """The limits that pairs are assessed by."""
        return Thresholds(**self.model_dump(exclude={"max_saturated"}))


class FusionConfig(Section):
    """Many pairs to one steady image of relative strain, published beside the single pairs."""

    time_constant: NonNegative = Field(0.5, description="a pair this old weighs 1/e, s; 0: no fusion")
    min_snre: NonNegative = Field(0.3, description="pairs of lower predicted SNRe are left out")


class OutputConfig(Section):
    """Where results go."""

    bind: str = Field("tcp://127.0.0.1:5561", description="address that displays connect to")
    high_water_mark: int = Field(4, ge=2, le=64, description="messages kept per slow display before it drops")
    bmode_dynamic_range: Positive = Field(60.0, description="dB between black and white of the B-mode")
    status_interval: Annotated[float, Field(ge=0.05, le=0.5)] = Field(
        0.2, description="seconds between status messages"
    )


class HttpConfig(Section):
    """Metrics and health over HTTP."""

    bind: str = Field("127.0.0.1:5562", description="host:port of /metrics, /livez, /readyz; empty: off")
    certificate: str = Field("", description="PEM file for TLS, the chain included; empty: unencrypted")
    certificate_key: str = Field("", description="PEM file of its key; empty: in the same file")


class KeepConfig(Section):
    """What was just seen, held in memory by a process beside the node and saved when asked for."""

    memory: int = Field(2**30, ge=0, description="RF and results held, bytes; 0: off")
    bind: str = Field("tcp://127.0.0.1:5564", description="address that answers keep, freeze and frames")
    folder: str = Field("", description="where tapes are saved; empty: the folder the node was started in")


class SecurityConfig(Section):
    """Encryption of the ZeroMQ links; see SECURITY.md. Relative files are those of the working folder."""

    key: str = Field("", description="secret key file, made by `musse-stream keys new`; empty: plain links")
    allowed: str = Field(
        "", description="file of public keys that may connect; empty: only the key of this computer"
    )
    node: str = Field("", description="public key of the node to connect to; empty: this computer's own")
    rf: str = Field("", description="public key of the scanner bridge; empty: RF frames come unencrypted")
    insecure: bool = Field(False, description="bind to other addresses than loopback without a key")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("node", "rf"):
            if getattr(self, name):
                parse_public(getattr(self, name))
        if not self.key and (self.allowed or self.node or self.rf):
            raise ValueError("allowed, node and rf need key, the secret key of this computer")
        return self

    def load(self) -> Security:
        """The keys of the files. Raises ConfigError where they cannot be read."""
        if not self.key:
            return Security(None, self.insecure)
        allowed = Path(self.allowed) if self.allowed else None
        return Security(read_keys(Path(self.key), allowed=allowed, node=self.node, rf=self.rf), self.insecure)


UNENCRYPTED: Final[dict[str, Any]] = {
    "key": "",
    "allowed": "",
    "node": "",
    "rf": "",
    "insecure": True,
}
"""The section as `--insecure` sets it."""


class Config(Section):
    """All of the node: one TOML table per section."""

    version: Literal[1] = CONFIG_VERSION
    """Of this layout; a file without it is of version 1."""
    input: InputConfig = InputConfig()
    pairing: PairingConfig = PairingConfig()
    region: RegionConfig = RegionConfig()
    engine: EngineConfig = EngineConfig()
    quality: QualityConfig = QualityConfig()
    fusion: FusionConfig = FusionConfig()
    output: OutputConfig = OutputConfig()
    http: HttpConfig = HttpConfig()
    keep: KeepConfig = KeepConfig()
    security: SecurityConfig = SecurityConfig()


def result_settings(config: Config) -> str:
    """The settings that results depend on, as JSON: numbers and fixed words, no address, no file name."""
    sections = config.model_dump(include={"pairing", "region", "engine", "quality", "fusion"})
    del sections["engine"]["weights"]  # the hash in every strain message identifies them
    for limit in ("timeout", "build_timeout"):
        del sections["engine"][limit]
    return json.dumps(sections)
