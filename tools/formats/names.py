"""The names under which files state the constants of an acquisition, in SI units, in any case.

Besides our own names: MUST's `param` (fs, fc, pitch, radius, c, t0, fdemod), Field II scripts (f0, tstart,
d_x), zea and UFF (modulation_frequency, sound_speed, initial_times).
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "sampling_frequency": ("sampling_frequency", "samplingfrequency", "sampling_rate", "samplingrate", "fs"),
    "center_frequency": (
        "center_frequency",
        "centerfrequency",
        "centre_frequency",
        "central_frequency",
        "fc",
        "f0",
    ),
    "demodulation_frequency": ("demodulation_frequency", "modulation_frequency", "fdemod", "fd"),
    "line_pitch": ("line_pitch", "linepitch", "pitch", "d_x"),
    "probe_type": ("probe_type", "probetype"),
    "probe_radius": ("probe_radius", "radius"),
    "sound_speed": ("sound_speed", "soundspeed", "speed_of_sound", "c", "c0"),
    "initial_time": ("initial_time", "initial_times", "t0", "tstart", "t_start", "start_time"),
    "frame_rate": ("frame_rate", "framerate", "fps"),
    "clock": ("clock",),
}
_EQUAL: Final = 1e-6  # relative: the same number in float32 and in float64


def scalar(value: Any) -> Any:
    """The one number or text that `value` holds, as Python's own; None where it holds more, less or else.

    Other languages write a number as an array of one element, and a text as bytes or as characters.
    """
    if isinstance(value, str | bytes):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if isinstance(value, Mapping) or value is None:
        return None
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biufSUO":
        return None
    single = array.reshape(-1)[0]
    if isinstance(single, bytes):
        return single.decode("utf-8", "replace")
    item = single.item() if isinstance(single, np.generic) else single
    return item if isinstance(item, bool | int | float | str) else None


def stated_in(path: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an acquisition that `table` (name to value) states, under our names.

    An infinite radius is a flat probe and is handed on as `probe_type = linear`. Raises RecordingError where
    two names of one field hold different values.
    """
    lowered = {name.lower(): scalar(value) for name, value in table.items()}
    lowered = {name: value for name, value in lowered.items() if not _is_nan(value)}
    stated: dict[str, Any] = {}
    for field, aliases in ALIASES.items():
        found = {alias: lowered[alias] for alias in aliases if lowered.get(alias) is not None}
        values = list(found.values())
        if any(not same(values[0], value) for value in values[1:]):
            written = ", ".join(f"{alias} = {value}" for alias, value in found.items())
            raise RecordingError(f"{path}: {written} contradict; give {OPTIONS[field]}")
        if values:
            stated[field] = values[0]
    if "probe_radius" in stated and same(stated["probe_radius"], math.inf):
        del stated["probe_radius"]
        stated.setdefault("probe_type", "linear")
    return stated


def _is_nan(value: Any) -> bool:
    """What programs write for a number that they do not have."""
    return isinstance(value, float) and math.isnan(value)


def same(first: Any, second: Any) -> bool:
    """Whether two statements agree: numbers within float32's precision, texts without regard to case."""
    try:
        return math.isclose(float(first), float(second), rel_tol=_EQUAL)
    except (TypeError, ValueError):
        return str(first).strip().lower() == str(second).strip().lower()
