"""`musse-stream info`: what a recording or a result file holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tools.commands.recordings import Opening, opens_recording

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS: Final = 24  # more frames than fit a screen are summed up; --json always lists all
_DEGREES: Final = 57.29577951


@opens_recording
def info(
    file: Annotated[
        Path, typer.Argument(help="Recording (.mhd, .mha, .npz, .mat, .h5) or strain results (.h5).")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    *,
    opening: Opening,
) -> None:
    """Show what a recording holds: frames, times, acquisition, signal levels, and what was assumed.

    Of a file of strain results: pairs, rejections, engine and settings.

    Examples:

        musse-stream info arm.mhd

        musse-stream info acquisition.npz --frame-rate 30 --preset verasonics-l11-5v

        musse-stream info strain.h5 --json
    """
    from tools.formats.description import describe
    from tools.results.description import describe_results, holds_results

    if holds_results(file):
        told = describe_results(file)
        tables = [_results(told)]
    else:
        with opening.open(file) as recording:
            told = describe(recording)
        tables = [_summary(told), _frames(told)]
    if json:
        from json import dumps

        typer.echo(dumps(told, allow_nan=False))
        return
    from rich.console import Console

    Console().print(*tables)


def _summary(told: dict[str, Any]) -> "Table":
    header = told["header"]
    unit = "mm" if header["probe_type"] == "linear" else "mrad"
    n_axial, n_lateral = told["shape"]
    rows = [
        ("frames", f"{told['frames']} of {n_axial} samples x {n_lateral} lines, {told['dtype']}"),
        ("data", "RF" if header["kind"] == "rf" else "IQ"),
        ("time", _time(told)),
        ("missing frames", str(told["missing_frames"])),
        ("sampling frequency", f"{header['sampling_frequency'] / 1e6:.4g} MHz"),
        ("center frequency", f"{header['center_frequency'] / 1e6:.4g} MHz"),
        ("probe", f"{header['probe_type']}, lines {header['line_pitch'] * 1e3:.4g} {unit} apart"),
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
        angles = ", ".join(f"{angle * _DEGREES:.3g}°" for angle in header["steering_angles"])
        rows.append(("steering angles", angles))
    if header["orientation"]:
        rows.append(("orientation", header["orientation"]))
    if told["truth"]:
        rows.append(("truth", ", ".join(told["truth"])))
    rows.extend(("measured or assumed" if k == 0 else "", text) for k, text in enumerate(told["assumed"]))
    return _two_columns(told["file"], rows)


def _time(told: dict[str, Any]) -> str:
    if told["frame_rate"] is None:
        return "a single frame"
    spread = f"{told['interval_min'] * 1e3:.2f} to {told['interval_max'] * 1e3:.2f} ms apart"
    return f"{told['duration']:.3f} s at {told['frame_rate']:.2f} Hz, {spread}"


def _frames(told: dict[str, Any]) -> "Table":
    """Every frame; of many only those that the node would refuse."""
    from rich.table import Table

    figures = told["per_frame"]
    refused = [frame for frame in figures if frame["refused"]]
    shown = figures if len(figures) <= _MOST_ROWS else refused[:_MOST_ROWS]
    listed = "" if len(shown) == len(figures) else f" of {len(figures)}; --json lists every frame"
    table = Table(title=f"The node would refuse {len(refused)} frames{listed}", title_justify="left")
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


def _results(told: dict[str, Any]) -> "Table":
    attributes = told["attributes"]
    rejected = ", ".join(f"{count} {reason}" for reason, count in told["rejections"].items())
    rows = [
        ("pairs", f"{told['pairs']}, {told['with_values']} with values"),
        ("rejected", rejected or "none"),
        ("maps", " x ".join(map(str, told["map_shape"]))),
    ]
    if told["mean_strain_min"] is not None:
        low, high = told["mean_strain_min"], told["mean_strain_max"]
        rows.append(("mean strain", f"{low:.3%} to {high:.3%} per pair, negative in compression"))
    assumed = str(attributes.get("assumed", "")).splitlines()
    rows.extend((name, str(value)) for name, value in attributes.items() if name != "assumed")
    rows.extend(("measured or assumed" if k == 0 else "", text) for k, text in enumerate(assumed))
    return _two_columns(told["file"], rows)


def _two_columns(file: str, rows: list[tuple[str, str]]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(Path(file).name), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))
    return table
