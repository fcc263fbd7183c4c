"""The pitch of curved and phased probes: an angle, which files often state as metres along the face."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS

_LARGEST_ELEMENT: Final = 1.2e-3  # m between elements of any probe; lines of a fan are further apart
_NARROWEST_FAN: Final = 0.15  # rad: or very many


def metres_along_face(pitch: Any, n_lateral: int) -> float | None:
    """`pitch` where it can only be metres: as radians its `n_lateral` lines would be no fan; else None."""
    try:
        metres = float(pitch)
    except (TypeError, ValueError):
        return None
    fan = metres * (n_lateral - 1)
    return metres if 0 < metres < _LARGEST_ELEMENT and fan < _NARROWEST_FAN else None


def refuse_metres(path: Path, metres: float, radius: float | None, n_lateral: int) -> None:
    """Raise RecordingError for an option that looks like metres; it names the angle it would be."""
    fan = np.rad2deg(metres * (n_lateral - 1))
    angle = f": {metres / radius:.4g} if the lines leave the face so far apart" if radius else ""
    raise RecordingError(
        f"{path}: line_pitch = {metres:g} rad is a fan of {fan:.2g} degrees over {n_lateral} lines: give the "
        f"angle between lines with {OPTIONS['line_pitch']}{angle}"
    )
