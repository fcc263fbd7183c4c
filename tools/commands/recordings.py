"""The options that complete a recording, the same for every command that opens one."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.formats import options

if TYPE_CHECKING:
    from tools.formats import Recording

_OPTIONS: dict[str, Any] = {
    "preset": options.Preset,
    "sampling_frequency": options.SamplingFrequency,
    "center_frequency": options.CenterFrequency,
    "demodulation_frequency": options.DemodulationFrequency,
    "probe_type": options.ProbeType,
    "line_pitch": options.LinePitch,
    "probe_radius": options.ProbeRadius,
    "sound_speed": options.SoundSpeed,
    "initial_time": options.InitialTime,
    "frame_rate": options.FrameRate,
    "axes": options.Axes,
    "frame_axis": options.FrameAxis,
    "variable": options.Variable,
}


@dataclass(frozen=True)
class Opening:
    """What the command line says about the recording it names."""

    preset: str | None
    overrides: dict[str, Any]

    def open(self, file: Path) -> "Recording":
        """Open it; raises RecordingError."""
        from tools.formats import open_recording

        return open_recording(file, preset=self.preset, overrides=self.overrides)


def opens_recording(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above in place of its parameter `opening`."""
    signature = inspect.signature(command)
    own = [parameter for name, parameter in signature.parameters.items() if name != "opening"]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        overrides = {name: given.pop(name) for name in _OPTIONS}
        preset = overrides.pop("preset")
        command(**given, opening=Opening(preset, overrides))

    with_options.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]  # read by inspect
    return with_options
