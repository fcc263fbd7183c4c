"""The options that complete a recording, the same for every command that opens one."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from tools.formats import Recording

_OPTIONS: Final[dict[str, tuple[type, str]]] = {
    "preset": (str, "Probe geometry by name, such as ultrasonix-l14-5-38."),
    "sampling_frequency": (float, "Hz, along the beam, such as 40e6."),
    "center_frequency": (float, "Hz; measured on the data unless given."),
    "demodulation_frequency": (float, "Hz that IQ was mixed down by."),
    "probe_type": (str, "linear, curved or phased."),
    "line_pitch": (float, "Between neighbouring lines: metres (linear), radians (curved, phased)."),
    "probe_radius": (float, "Metres, of a curved probe."),
    "sound_speed": (float, "m/s; assumed 1540 unless known."),
    "initial_time": (float, "Seconds from transmit to the first sample; assumed 0."),
    "frame_rate": (float, "Hz; replaces the time stamps of the file."),
    "axes": (str, "axial,lateral or lateral,axial: order in the file, slowest first."),
    "frame_axis": (int, "Which axis of a 3-D array counts the frames."),
    "variable": (str, "Name of the array in .npz and .mat."),
}
"""Type and help by parameter; the names other than `preset` are the keys of `open_recording`'s overrides."""

_PANEL: Final = "Facts missing from the file (SI units)"


@dataclass(frozen=True)
class Opening:
    """Options about the recording that the command line names."""

    preset: str | None
    overrides: dict[str, Any]

    @property
    def given(self) -> dict[str, Any]:
        """All of them by parameter; None: not given."""
        return {"preset": self.preset, **self.overrides}

    def open(self, file: Path) -> "Recording":
        """Open it; raises RecordingError."""
        from tools.formats import open_recording

        return open_recording(file, preset=self.preset, overrides=self.overrides)


def opens_recording(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above in place of its parameter `opening`."""
    signature = inspect.signature(command)
    own = [parameter for name, parameter in signature.parameters.items() if name != "opening"]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, typer.Option(help=text, rich_help_panel=_PANEL)],
        )
        for name, (kind, text) in _OPTIONS.items()
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        overrides = {name: given.pop(name) for name in _OPTIONS}
        preset = overrides.pop("preset")
        command(**given, opening=Opening(preset, overrides))

    with_options.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]  # read by inspect
    return with_options
