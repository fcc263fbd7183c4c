"""Tables of what a recording or a file of results holds; `--json` prints the same as one object."""

import json
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

_MAX_ROWS: Final = 24  # more frames than fit a screen are summed up; --json always lists all
_DEGREES: Final = 57.29577951


def recording_tables(about: dict[str, Any]) -> list[Table]:
    """Constants, and the frames with what the node would make of them; from `tools.formats.description`."""
    return [_summary(about), _frames(about)]


def results_table(about: dict[str, Any]) -> Table:
    """Pairs, geometry and settings in units; from `tools.results.description`."""
    attributes = about["attributes"]
    rejected = ", ".join(f"{count} {reason}" for reason, count in about["rejections"].items())
    rows = [
        ("strain results", f"{about['pairs']} pairs, {about['with_values']} with values"),
        ("rejected", rejected or "none"),
        ("maps", " x ".join(map(str, about["map_shape"]))),
    ]
    if about["first_frame"] is not None:
        numbers = f"{about['first_frame']} to {about['last_frame']}"
        of_file = ", counted from 0 at the recording's first frame" * ("source_sha256" in attributes)
        rows.append(("frame numbers", numbers + of_file))
    if about["mean_strain_min"] is not None:
        low, high = about["mean_strain_min"], about["mean_strain_max"]
        rows.append(("mean strain", f"{low:.3%} to {high:.3%} per pair, negative in compression"))
    flat = attributes.get("probe_type", "linear") == "linear"
    if "axial_window" in attributes:
        window = [attributes[f"{axis}_window"] * 1e3 for axis in ("axial", "lateral")]
        rows.append(("strain window", f"{window[0]:g} mm along the beam, {window[1]:g} mm across"))
    rows.append(("region", _region(str(attributes.get("region", "whole frame")), flat=flat)))
    engine = [str(attributes.get(name, "")) for name in ("engine", "precision", "device")]
    rows.append(("engine", ", ".join(filter(None, engine))))
    if attributes.get("model_hash"):
        rows.append(("weights", f"SHA-256 {str(attributes['model_hash'])[:16]}..."))
    rows += _acquisition(attributes, flat=flat)
    rows += [
        (name.replace("_", " "), str(attributes[name]))
        for name in ("clock", "source_id", "source_sha256", "created", "musse_stream_version", "versions")
        if attributes.get(name) not in {None, ""}
    ]
    rows += _settings(str(attributes.get("configuration") or "{}"))
    assumed = str(attributes.get("assumed", "")).splitlines()
    rows.extend(("measured or assumed" if k == 0 else "", text) for k, text in enumerate(assumed))
    return _two_columns(about["file"], rows)


def export_table(about: dict[str, Any]) -> Table:
    """What a figure or movie was made of; from `tools.export.stamp`."""
    facts = {name: value for name, value in about.items() if name != "file"}
    return _two_columns(
        about["file"], [(name.replace("_", " "), str(value)) for name, value in facts.items()]
    )


def tape_table(about: dict[str, Any]) -> Table:
    """Messages, acquisitions, node and condition; from `tools.formats.tape_description`."""
    rejected = ", ".join(f"{count} {reason}" for reason, count in about["rejections"].items())
    rows = [
        ("tape", ", ".join(f"{count} {kind}" for kind, count in about["messages"].items()) or "no message"),
        ("condition", about["condition"]),
        ("time", f"{about['duration']:.3f} s"),
        *((f"RF acquisition {n}", text) for n, text in enumerate(about["acquisitions"], 1)),
        *((("pairs", f"{about['pairs']}; rejected: {rejected or 'none'}"),) if about["pairs"] else ()),
        *(("engine", engine) for engine in about["engines"]),
        *((name.replace("_", " "), text) for name, text in about["tape"].items()),
    ]
    rows += _settings(about["node"].get("configuration") or "{}")
    return _two_columns(about["file"], rows)


def _acquisition(attributes: dict[str, Any], *, flat: bool) -> list[tuple[str, str]]:
    """What of the acquisition a result file keeps; older ones keep the probe only."""
    rows = [("probe", str(attributes["probe_type"]))] if "probe_type" in attributes else []
    if rows and attributes.get("line_pitch"):
        rows[0] = (
            "probe",
            f"{rows[0][1]}, lines {attributes['line_pitch'] * 1e3:.4g} {_pitch_unit(flat)} apart",
        )
    if attributes.get("probe_radius"):
        rows.append(("probe radius", f"{attributes['probe_radius'] * 1e3:.4g} mm"))
    rows.extend(
        (name.replace("_", " "), f"{attributes[name] / 1e6:.4g} MHz")
        for name in ("sampling_frequency", "center_frequency", "demodulation_frequency")
        if attributes.get(name)
    )
    if attributes.get("sound_speed"):
        rows.append(("sound speed", f"{attributes['sound_speed']:g} m/s"))
    if "initial_time" in attributes:
        rows.append(("initial time", f"{attributes['initial_time'] * 1e6:g} µs"))
    return rows


def _region(limits: str, *, flat: bool) -> str:
    """'whole frame', or four numbers in m (the last two in rad for other probes than linear ones)."""
    words = limits.split()
    if len(words) != 4:
        return limits
    top, bottom, left, right = map(float, words)
    scale, unit = (1e3, "mm") if flat else (_DEGREES, "degrees")
    across = f"{left * scale:.4g} to {right * scale:.4g} {unit} across"
    return f"{top * 1e3:.4g} to {bottom * 1e3:.4g} mm deep, {across}"


def _settings(configuration: str) -> list[tuple[str, str]]:
    """One row for every section of the configuration; its units stand in `musse-stream config show`."""
    return [
        (f"{section} settings", ", ".join(f"{key} {value}" for key, value in values.items()))
        for section, values in json.loads(configuration).items()
    ]


def _pitch_unit(flat: bool) -> str:
    return "mm" if flat else "mrad"


def _summary(about: dict[str, Any]) -> Table:
    header = about["header"]
    unit = _pitch_unit(header["probe_type"] == "linear")
    n_axial, n_lateral = about["shape"]
    rows = [
        ("frames", f"{about['frames']} of {n_axial} samples x {n_lateral} lines, {about['dtype']}"),
        ("data", "RF" if header["kind"] == "rf" else "IQ"),
        ("time", _time(about)),
        ("missing frames", str(about["missing_frames"])),
        *_first_number(about["per_frame"][0]["frame_index"]),
        ("sampling frequency", f"{header['sampling_frequency'] / 1e6:.4g} MHz"),
        ("center frequency", f"{header['center_frequency'] / 1e6:.4g} MHz"),
        ("probe", f"{header['probe_type']}, lines {header['line_pitch'] * 1e3:.4g} {unit} apart"),
        ("depth", f"{about['depth'] * 1e3:.4g} mm, {about['sample_pitch'] * 1e6:.4g} µm per sample"),
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
    if about["truth"]:
        rows.append(("truth", ", ".join(about["truth"])))
    rows.extend(("measured or assumed" if k == 0 else "", text) for k, text in enumerate(about["assumed"]))
    return _two_columns(about["file"], rows)


def _first_number(number: int) -> list[tuple[str, str]]:
    """One row where the file's numbers differ from those of results."""
    return [("first frame", f"number {number} here, 0 in results and for --frame")] if number else []


def _time(about: dict[str, Any]) -> str:
    if about["frame_rate"] is None:
        return "a single frame"
    spread = f"{about['interval_min'] * 1e3:.2f} to {about['interval_max'] * 1e3:.2f} ms apart"
    return f"{about['duration']:.3f} s at {about['frame_rate']:.2f} Hz, {spread}"


def _frames(about: dict[str, Any]) -> Table:
    """Every frame; of many only those that the node would refuse."""
    figures = about["per_frame"]
    refused = [frame for frame in figures if frame["refused"]]
    shown = figures if len(figures) <= _MAX_ROWS else refused[:_MAX_ROWS]
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


def _two_columns(file: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=escape(Path(file).name), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))
    return table
