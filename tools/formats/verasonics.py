"""Constants of Verasonics workspaces: lengths in wavelengths of Trans.frequency, frequencies in MHz.

Of beamformed IQData: PData.PDelta is (x, y, z) between pixels and PData.Origin the first one, Trans.type 0 a
linear probe and 1 a curved one (Vantage sequence programming manual). Older workspaces have pdeltaX, pdeltaZ.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.spec import sampling_frequency_of
from tools.errors import RecordingError
from tools.formats.names import scalar
from tools.formats.tree import Tree

_SOUND_SPEED: Final = 1540.0  # m/s, what the system assumes where Resource.Parameters is silent
_PROBE_TYPES: Final = {0: "linear", 1: "curved"}


def verasonics_notes(tree: Tree) -> list[str]:
    """What `verasonics_constants` had to assume."""
    notes = []
    if _number(_first(tree.get("Receive")) or {}, "demodFrequency") is None:
        notes.append(
            "demodulation_frequency: assumed, Trans.frequency, because Receive.demodFrequency is absent"
        )
    if _number((_first(tree.get("Resource")) or {}).get("Parameters", {}), "speedOfSound") is None:
        notes.append(f"sound_speed: assumed, {_SOUND_SPEED:g} m/s, which wavelengths were turned into m with")
    return notes


def verasonics_constants(path: Path, tree: Tree) -> dict[str, Any] | None:
    """Fields of an acquisition from Trans, PData, Receive and Resource; None without Trans and PData.

    Raises RecordingError for a workspace whose grid is not along the beams.
    """
    transducer, pixels = _first(tree.get("Trans")), _first(tree.get("PData"))
    if not (isinstance(transducer, Mapping) and isinstance(pixels, Mapping)):
        return None
    frequency = _number(transducer, "frequency")
    if frequency is None:
        return None
    parameters = (_first(tree.get("Resource")) or {}).get("Parameters", {})
    sound_speed = _number(parameters, "speedOfSound") or _SOUND_SPEED
    wavelength = sound_speed / (frequency * 1e6)
    demodulation = _number(_first(tree.get("Receive")) or {}, "demodFrequency") or frequency
    stated: dict[str, Any] = {
        "center_frequency": frequency * 1e6,
        "demodulation_frequency": demodulation * 1e6,
        "sound_speed": sound_speed,
    }
    step, origin = _row(pixels.get("PDelta")), _row(pixels.get("Origin"))
    across = _number(pixels, "pdeltaX") if step is None else float(step[0])
    deep = _number(pixels, "pdeltaZ") if step is None else float(step[-1])
    kind = _PROBE_TYPES.get(int(_number(transducer, "type") or 0))
    if str(scalar(pixels.get("Coord")) or "rectangular").lower() == "polar":
        if step is not None:  # (angle, radius, z)
            stated |= {
                "line_pitch": float(step[0]),
                "sampling_frequency": _sampled(step[1], wavelength, sound_speed),
            }
        radius = _number(transducer, "radiusMm")
        if radius is not None:
            stated["probe_radius"] = radius * 1e-3
        return stated | {"probe_type": "curved" if radius else "phased"}
    if kind == "curved":
        raise RecordingError(
            f"{path}: the pixels of a curved probe lie on a rectangular grid, so its columns are not beams: "
            "reconstruct with PData.Coord = 'polar'"
        )
    if kind is not None:
        stated["probe_type"] = kind
    if across:
        stated["line_pitch"] = across * wavelength
    if deep:
        stated["sampling_frequency"] = _sampled(deep, wavelength, sound_speed)
    if origin is not None:
        stated["initial_time"] = 2.0 * float(origin[-1]) * wavelength / sound_speed
    return stated


def _sampled(step: float, wavelength: float, sound_speed: float) -> float:
    """Hz of samples that are `step` wavelengths apart in depth."""
    return sampling_frequency_of(float(step) * wavelength, sound_speed)


def _first(value: Any) -> Any:
    """The struct, or the first of several."""
    if isinstance(value, Mapping) and "{1}" in value:
        return value["{1}"]
    return value if isinstance(value, Mapping) else None


def _number(table: Any, name: str) -> float | None:
    value = table.get(name) if isinstance(table, Mapping) else None
    if isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind in "iuf":
        value = value.reshape(-1)[0]  # of several structs, which are alike in this
    number = scalar(value)
    return float(number) if isinstance(number, int | float) else None


def _row(value: Any) -> NDArray[np.float64] | None:
    numbers = np.asarray(value, np.float64).reshape(-1) if isinstance(value, np.ndarray) else np.zeros(0)
    return numbers if numbers.size >= 3 else None
