"""`musse-stream info`: what a recording holds, before anything is run on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tools.formats import options

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS: Final = 24  # more frames than fit a screen are summed up; --json always lists all


def info(
    file: Annotated[
        Path, typer.Argument(help="Recording: .mhd, .mha, .npz, .mat or .h5.", show_default=False)
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    preset: options.Preset = None,
    sampling_frequency: options.SamplingFrequency = None,
    center_frequency: options.CenterFrequency = None,
    demodulation_frequency: options.DemodulationFrequency = None,
    probe_type: options.ProbeType = None,
    line_pitch: options.LinePitch = None,
    probe_radius: options.ProbeRadius = None,
    sound_speed: options.SoundSpeed = None,
    initial_time: options.InitialTime = None,
    frame_rate: options.FrameRate = None,
    axes: options.Axes = None,
    frame_axis: options.FrameAxis = None,
    variable: options.Variable = None,
) -> None:
    """Show what a recording holds: frames, times, acquisition, signal levels, and what was assumed.

    Examples:

        musse-stream info arm.mhd

        musse-stream info acquisition.npz --frame-rate 30 --preset verasonics-l11-5v

        musse-stream info demo.h5 --json
    """
    from tools.formats import open_recording
    from tools.formats.description import describe

    overrides = {
        "sampling_frequency": sampling_frequency,
        "center_frequency": center_frequency,
        "demodulation_frequency": demodulation_frequency,
        "probe_type": probe_type,
        "line_pitch": line_pitch,
        "probe_radius": probe_radius,
        "sound_speed": sound_speed,
        "initial_time": initial_time,
        "frame_rate": frame_rate,
        "axes": axes,
        "frame_axis": frame_axis,
        "variable": variable,
    }
    with open_recording(file, preset=preset, overrides=overrides) as recording:
        told = describe(recording)
    if json:
        from json import dumps

        typer.echo(dumps(told, allow_nan=False))
        return
    from rich.console import Console

    console = Console()
    console.print(_summary(told), _frames(told))


def _summary(told: dict[str, Any]) -> "Table":
    from rich.table import Table

    header = told["header"]
    linear = header["probe_type"] == "linear"
    pitch = f"{header['line_pitch'] * 1e3:.4g} {'mm' if linear else 'mrad'}"
    rows = [
        (
            "frames",
            f"{told['frames']} of {told['shape'][0]} samples x {told['shape'][1]} lines, {told['dtype']}",
        ),
        ("data", "RF" if header["kind"] == "rf" else "IQ"),
        ("time", _time(told)),
        ("missing frames", str(told["missing_frames"])),
        ("sampling frequency", f"{header['sampling_frequency'] / 1e6:.4g} MHz"),
        ("center frequency", f"{header['center_frequency'] / 1e6:.4g} MHz"),
        ("probe", f"{header['probe_type']}, lines {pitch} apart"),
        ("depth", f"{told['depth'] * 1e3:.4g} mm, {told['sample_pitch'] * 1e6:.4g} µm per sample"),
        ("sound speed", f"{header['sound_speed']:g} m/s"),
        ("initial time", f"{header['initial_time'] * 1e6:g} µs"),
        ("clock", header["clock"]),
    ]
    if header["kind"] == "iq":
        rows.append(("demodulation frequency", f"{header['demodulation_frequency'] / 1e6:.4g} MHz"))
    if header["probe_radius"] > 0:
        rows.append(("probe radius", f"{header['probe_radius'] * 1e3:.4g} mm"))
    if header["steering_angles"]:
        rows.append(("steering angles", ", ".join(f"{a * 57.29578:.3g}°" for a in header["steering_angles"])))
    if header["orientation"]:
        rows.append(("orientation", header["orientation"]))
    if told["truth"]:
        rows.append(("truth", ", ".join(told["truth"])))
    rows.extend(("measured or assumed" if k == 0 else "", text) for k, text in enumerate(told["assumed"]))
    table = Table(title=Path(told["file"]).name, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def _time(told: dict[str, Any]) -> str:
    if told["frame_rate"] is None:
        return "a single frame"
    spread = f"{told['interval_min'] * 1e3:.2f} to {told['interval_max'] * 1e3:.2f} ms apart"
    return f"{told['duration']:.3f} s at {told['frame_rate']:.2f} Hz, {spread}"


def _frames(told: dict[str, Any]) -> "Table":
    """Every frame, or of many only those that the node would refuse, and how many those are."""
    from rich.table import Table

    figures = told["per_frame"]
    refused = [frame for frame in figures if frame["refused"]]
    shown = figures if len(figures) <= _MOST_ROWS else refused[:_MOST_ROWS]
    rest = "" if shown is figures else f", {len(figures)} in all (--json lists them)"
    table = Table(title=f"{len(refused)} frames the node would refuse{rest}", title_justify="left")
    for name in ("frame", "time s", "rms", "peak", "at extremes", "zeros", "verdict"):
        table.add_column(name, justify="right")
    for frame in shown:
        table.add_row(
            str(frame["frame_index"]),
            f"{frame['time']:.4f}",
            "-" if frame["rms"] is None else f"{frame['rms']:.4g}",
            "-" if frame["peak"] is None else f"{frame['peak']:.4g}",
            f"{frame['at_extremes']:.3%}",
            f"{frame['zeros']:.2%}",
            frame["refused"] or "ok",
        )
    return table
