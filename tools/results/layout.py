"""Names, units and types of a result file; docs/results.md lists them for readers of the files."""

from importlib.metadata import version
from typing import Any, Final

from streamer.headers import RfHeader, StrainHeader

FORMAT: Final = "musse-strain"
FORMAT_VERSION: Final = 1
NO_PRE: Final = -1
NO_TIME: Final = -(2**63)
"""t_acq of a pair whose acquisition time is unknown."""
FUSED: Final = ("relative_strain", "relative_std")
LENGTHS: Final = ("correlation_axial", "correlation_lateral")
"""Attributes, m: over which errors of the fused image are alike; absent where they were not measured."""
INTEGERS: Final = ("pre_index", "post_index", "t_acq")
TEXTS: Final = ("session_id", "rejection")
SCALARS: Final = ("mean_strain", "quality", "predicted_snre", "median_ncc", "lateral_motion", "interval")
_DEPTH: Final = "m below the probe"
_ACROSS: Final = "m (rad for curved probes) from the middle of the probe"
UNITS: Final = {
    "axial_strain": "1, du/dz, negative in compression",
    "strain_std": "1, standard deviation of axial_strain",
    "axial_displacement": "m, post minus pre, positive away from the probe",
    "lateral_displacement": "m (rad for curved probes), post minus pre, positive towards the last line",
    "lateral_std": "m (rad for curved probes), standard deviation of lateral_displacement; NaN: not known",
    "cumulative_axial_displacement": (
        "m, from the first pre frame after a pair without one, or whose frames did not match, to post; "
        "on that first frame's coordinates"
    ),
    "t_acq": f"ns on the clock of the attribute `clock`, of the post frame; {NO_TIME}: unknown",
    "mean_strain": "1, median of the confident pixels, negative in compression",
    "lateral_motion": "lines, median",
    "interval": "s from pre to post",
    "axial_position": _DEPTH,
    "lateral_position": _ACROSS,
    "relative_strain": "1, strain over its signed median: 1 = average, below 1 harder, in press and release",
    "relative_std": "1, standard deviation of relative_strain",
    "effective_pairs": "1, how many equally weighted pairs the fused image is worth",
    "fused_axial_position": _DEPTH,
    "fused_lateral_position": _ACROSS,
}
_OWN_VERSION: Final = version("musse-stream")
_VERSIONS: Final = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch"))


_ASSUMABLE: Final = frozenset(RfHeader.model_fields) | {"samples", "frame_rate", "frame_axis"}


def region_text(limits: tuple[float, float, float, float] | None) -> str:
    """The attribute `region`."""
    return "whole frame" if limits is None else " ".join(map(repr, limits))


def described(header: StrainHeader) -> dict[str, Any]:
    """The attributes that the first pair of a file decides, and that all its pairs share."""
    about: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "musse_stream_version": _OWN_VERSION,
        "source_id": header.source_id,
        "strain_unit": header.strain_unit,
        "strain_sign": header.strain_sign,
        "engine": header.engine,
        "precision": header.precision,
        "device": header.device,
        "model_hash": header.model_hash or "",
        "region": region_text(header.region),
        "region_unit": "axial from, to in m, lateral from, to in m (rad for curved probes)",
        "clock": header.clock,
        "assumed": "\n".join(assumed_fields(header.assumed)),
        "versions": _VERSIONS,
    }
    if header.axial_window is not None and header.lateral_window is not None:
        windows = {"axial_window": header.axial_window, "lateral_window": header.lateral_window}
        about |= {**windows, "window_unit": "m"}
    if header.grid is not None:
        grid = header.grid
        about |= {"probe_type": grid.probe_type, "probe_radius": grid.probe_radius, "probe_mark": grid.mark}
    return about


def assumed_fields(assumed: tuple[str, ...]) -> list[str]:
    """Which fields were measured or assumed: only their names, because the texts may come from a file."""
    names = dict.fromkeys(text.partition(":")[0] for text in assumed)
    return [name for name in names if name in _ASSUMABLE]
