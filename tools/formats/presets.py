"""Probes by name: their geometry, from the package's own presets.toml."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources

from engine.spec import ProbeType
from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS, checked_probe_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a probe is; how it was driven (transmit frequency, sampling) is a matter of the scan."""

    name: str
    description: str
    probe_type: ProbeType
    elements: int
    pitch: float
    """m between elements along the face."""
    probe_radius: float = 0.0
    """m, 0 for a linear probe."""

    @property
    def line_pitch(self) -> float:
        """m, or rad for a curved probe, between lines formed one per element."""
        return self.pitch / self.probe_radius if self.probe_type == "curved" else self.pitch


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    text = resources.files("tools.formats").joinpath("presets.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return {
        name: Preset(**table | {"name": name, "probe_type": checked_probe_type(table["probe_type"])})
        for name, table in tables.items()
    }


def preset_of(name: str) -> Preset:
    """The preset `name`. Raises RecordingError for an unknown name."""
    names = presets()
    if name not in names:
        near = get_close_matches(name.lower(), names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"names: {', '.join(names)}"
        raise RecordingError(f"no probe preset {name!r}; {hint}")
    return names[name]


def find_preset(name: str, n_lateral: int) -> Preset:
    """The preset `name`, for a recording of `n_lateral` lines.

    Raises RecordingError for an unknown name, and where the lines are not one per element, because then the
    probe's pitch does not determine the lines'.
    """
    preset = preset_of(name)
    if preset.elements != n_lateral:
        raise RecordingError(
            f"preset {name} has {preset.elements} elements, the recording {n_lateral} lines: state the "
            f"geometry instead, with {OPTIONS['probe_type']}, {OPTIONS['line_pitch']}"
        )
    return preset
