"""The constants of an acquisition: what stays the same from the first frame of a recording to the last."""

import math
import re
from dataclasses import dataclass, fields
from typing import Any, Final, get_args

from engine.spec import AcquisitionConstants, ProbeType
from streamer.headers import Clock, RfHeader
from tools.errors import RecordingError

OPTIONS: Final[dict[str, str]] = {
    "sampling_frequency": "--sampling-frequency HZ",
    "center_frequency": "--center-frequency HZ",
    "demodulation_frequency": "--demodulation-frequency HZ",
    "probe_type": "--probe-type linear|curved|phased",
    "line_pitch": "--line-pitch METRES (radians for curved and phased probes)",
    "probe_radius": "--probe-radius METRES",
    "sound_speed": "--sound-speed M/S",
    "initial_time": "--initial-time SECONDS",
    "frame_rate": "--frame-rate HZ",
    "axes": "--axes axial,lateral or --axes lateral,axial",
    "frame_axis": "--frame-axis 0, 1 or 2",
    "variable": "--variable NAME",
}
"""Everything a caller can state about a file, and the option that states it on the command line."""

# Wide enough for every scanner, narrow enough to catch MHz given as Hz and millimetres given as metres.
_PLAUSIBLE: Final[dict[str, tuple[float, float, str]]] = {
    "sampling_frequency": (1e6, 1e9, "Hz"),
    "center_frequency": (2e5, 2e8, "Hz"),
    "demodulation_frequency": (0.0, 2e8, "Hz"),
    "sound_speed": (300.0, 6000.0, "m/s"),
    "initial_time": (-1e-2, 1e-2, "s"),
    "probe_radius": (0.0, 0.5, "m"),
    "frame_rate": (0.01, 1e5, "Hz"),
}
_LOWEST_DEMODULATION: Final = 1e5
"""Hz; a smaller one is in MHz or kHz."""
_PLAUSIBLE_PITCH: Final[dict[bool, tuple[float, float, str]]] = {
    True: (1e-5, 5e-3, "m"),
    False: (1e-4, 0.1, "rad"),  # as on the wire
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAcquisition:
    """What a file states of an acquisition; `tools.formats.completion` adds what is missing.

    Values are as the file has them, unchecked; None: not stated. Names and units are those of
    `RecordedAcquisition`.
    """

    sampling_frequency: Any = None
    center_frequency: Any = None
    line_pitch: Any = None
    probe_type: Any = None
    probe_radius: Any = None
    demodulation_frequency: Any = None
    sound_speed: Any = None
    initial_time: Any = None
    frame_rate: Any = None
    """Hz, where the file has no times of its frames."""
    clock: str | None = None
    steering_angles: tuple[float, ...] = ()
    orientation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAcquisition(AcquisitionConstants):
    """The constants of a recording, complete, with what only recordings have.

    Public as `tools.formats.Acquisition`.
    """

    clock: Clock = "device"
    """What the time stamps of the frames count."""
    orientation: str = ""
    """Which side of the probe the lines run to, as the scanner writes it ('MF', 'UF'); '' unknown."""
    assumed: tuple[str, ...] = ()
    """Fields that were measured or assumed, such as 'center_frequency: measured on the data, 4.53 MHz'."""

    @classmethod
    def from_header(cls, header: RfHeader) -> "RecordedAcquisition":
        """The constants that a live frame's header carries."""
        return cls(**{field.name: getattr(header, field.name) for field in fields(cls)})

    def header_fields(self) -> dict[str, Any]:
        """The constants as keyword arguments of an RfHeader."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def checked_number(name: str, value: object, *, linear: bool = True) -> float:
    """`value` as a float of the unit that `name` has.

    `linear`: whether a line_pitch is in metres (linear probe) or in radians. Raises RecordingError for
    what is no number, and for one so far out that its unit must be another.
    """
    limits = _PLAUSIBLE_PITCH[linear] if name == "line_pitch" else _PLAUSIBLE[name]
    low, high, unit = limits
    try:
        number = float(value)  # type: ignore[arg-type]  # the error is what we are after
    except (TypeError, ValueError):
        raise RecordingError(f"{name} = {value!r} is no number; give it with {OPTIONS[name]}") from None
    if name == "demodulation_frequency" and 0 < number < _LOWEST_DEMODULATION:
        low = _LOWEST_DEMODULATION  # 0 is analytic RF
    if not (math.isfinite(number) and low <= number <= high):
        raise RecordingError(
            f"{name} = {number:g} is not a value in {unit} (expected {low:g} to {high:g}): "
            f"give it in {unit} with {OPTIONS[name]}"
        )
    return number


def checked_probe_type(value: object) -> ProbeType:
    """`value` as a probe type; 'convex' and 'curvilinear' are read as 'curved', 'linear array' as 'linear'.

    Raises RecordingError for any other word.
    """
    word = re.sub(r"[\s_-]*(array|probe|transducer)$", "", str(value).strip().lower())
    word = "curved" if word in {"convex", "curvilinear"} else word
    for kind in get_args(ProbeType):
        if word == kind:
            return kind  # type: ignore[no-any-return]  # one of the literals
    raise RecordingError(f"probe_type = {value!r} is no probe type; give {OPTIONS['probe_type']}")
