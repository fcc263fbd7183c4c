"""Simulated recordings: what the demo and `musse-stream simulate` write."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from engine.simulation import Inclusion
from engine.simulation.recorded import rest_displacement, rest_grid
from engine.simulation.scenario import PATIENT, SimulationSettings, simulated_acquisition
from engine.spec import FloatArray
from tools.errors import RecordingError, ToolError
from tools.formats import Acquisition, write_recording
from tools.formats.presets import preset_of
from tools.processes import ctrl_c

SUFFIXES: Final = (".h5", ".hdf5")
DEFAULT_LINES: Final = 128


def simulation_settings(
    *,
    patient: bool,
    preset: str | None,
    uniform: bool,
    inclusions: Sequence[str] | None,
    samples: int,
    lines: int | None,
    **given: Any,
) -> SimulationSettings:
    """Settings by what the command line gives: `given` are fields of `SimulationSettings`, None: not given.

    `patient` starts from all disturbances at ordinary levels, `preset` gives the probe, `inclusions` are
    texts for `parse_inclusion`. Raises ToolError for options that exclude each other.
    """
    if uniform and inclusions:
        raise ToolError("--uniform means no inclusion: leave out --inclusion, or --uniform")
    if preset is not None:
        probe = {"lines": lines, **{name: given[name] for name in ("line_pitch", "probe_radius")}}
        if stated := [f"--{name.replace('_', '-')}" for name, value in probe.items() if value is not None]:
            raise ToolError(f"--preset {preset} already states {', '.join(stated)}: leave one of them out")
        named = preset_of(preset)
        lines = named.elements
        given |= {"line_pitch": named.pitch, "probe_radius": named.probe_radius}
    if uniform or inclusions:
        given["inclusions"] = tuple(map(parse_inclusion, inclusions or ()))
    return replace(
        PATIENT if patient else SimulationSettings(),
        shape=(samples, lines or DEFAULT_LINES),
        **{name: value for name, value in given.items() if value is not None},
    )


def run_simulation(path: Path, settings: SimulationSettings, *, overwrite: bool) -> None:
    """`simulate_recording` with a progress bar and a last line; KeyboardInterrupt between two frames."""
    with ctrl_c(at_once=False) as check, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Simulating", total=settings.frames)

        def on_frame(done: int, total: int) -> None:
            check()
            progress.update(task, completed=done, total=total)

        simulate_recording(path, settings, overwrite=overwrite, on_frame=on_frame)
    samples, lines = settings.shape
    typer.echo(f"{path}: {settings.frames} frames of {samples} x {lines}, seed {settings.seed}")


def simulate_recording(
    path: str | Path,
    settings: SimulationSettings,
    *,
    overwrite: bool = False,
    cache: Path | None = None,
    on_frame: Callable[[int, int], object] = lambda done, total: None,
) -> None:
    """Write a simulated acquisition with its truth to `path`; calls `on_frame(done, total)` after each frame.

    Raises RecordingError where the file exists, is not named .h5 or .hdf5, or cannot be written, and the
    errors of `simulated_acquisition`.
    """
    if Path(path).suffix not in SUFFIXES:
        raise RecordingError(f"{path}: simulated frames are written as .h5; `convert` makes other formats")
    simulated = simulated_acquisition(settings, cache=cache)
    rows, columns = rest_grid(simulated)
    radius = settings.probe_radius
    constants = Acquisition(
        sampling_frequency=settings.sampling_frequency,
        center_frequency=settings.center_frequency,
        probe_type="curved" if radius else "linear",
        line_pitch=settings.line_pitch / radius if radius else settings.line_pitch,
        probe_radius=radius,
    )
    with write_recording(
        path, constants, truth_attributes=_truth_attributes(rows, columns), overwrite=overwrite
    ) as recording:
        for index, rf in enumerate(simulated.frames()):
            axial, lateral = rest_displacement(simulated, index, rows, columns)
            recording.append(
                rf,
                t_acq=round(index * 1e9 / settings.frame_rate),
                truth={"axial_displacement": axial, "lateral_displacement": lateral},
            )
            on_frame(index + 1, settings.frames)


def _truth_attributes(rows: FloatArray, columns: FloatArray) -> dict[str, object]:
    return {
        "grid": "rest positions of tissue: rows at axial_index (samples), columns at lateral_index (lines)",
        "axial_index": rows,
        "lateral_index": columns,
        "axial_displacement": "samples along the beam since rest, positive = away from the probe",
        "lateral_displacement": "lines from rest to this frame",
        "unknown": "NaN: flowing blood, and within four grid steps of a slip boundary",
        "pairs": "engine.simulation.recorded.recorded_pair_truth, on the pre frame's coordinates",
    }


def parse_inclusion(text: str) -> Inclusion:
    """An inclusion from 'DEPTH,LATERAL,RADIUS,STIFFNESS' in mm, mm, mm and times the surroundings.

    Raises ToolError for anything else.
    """
    try:
        depth, lateral, radius, stiffness = (float(part) for part in text.split(","))
    except ValueError:
        raise ToolError(
            f"inclusion {text!r}: give DEPTH,LATERAL,RADIUS,STIFFNESS in mm, mm, mm, times, such as 15,0,5,3"
        ) from None
    return Inclusion(depth=depth * 1e-3, lateral=lateral * 1e-3, radius=radius * 1e-3, stiffness=stiffness)
