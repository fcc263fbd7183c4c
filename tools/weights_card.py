"""The card of weights: what they are, how they were trained, how good they are, and where they are not."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from engine.musse.manifest import read_manifest

SUFFIX: Final = ".safetensors"
_UNITS: Final = {
    "center_frequency": (1e-6, "MHz"),
    "line_spacing": (1e3, "mm between lines"),
    "depth": (1.0, "cycles deep"),
    "cycles_per_sample": (1.0, "cycles per sample"),
}


def describe_weights(path: Path) -> dict[str, Any]:
    """The card of `path` as plain values. Raises EngineUnavailable without a manifest that fits."""
    manifest = read_manifest(path)
    return {
        "file": path.name,
        "kind": manifest.kind,
        "sha256": manifest.sha256,
        "model_hash": manifest.model_hash,
        "parameters": _parameters(path),
        "configuration": asdict(manifest.configuration),
        "trained": dict(manifest.trained),
        "errors": asdict(manifest.errors),
        "trusted_range": None if manifest.trusted_range is None else asdict(manifest.trusted_range),
    }


def weights_table(about: dict[str, Any]) -> Table:
    """The card as a table; from `describe_weights`."""
    trained: dict[str, Any] = about["trained"]
    recipe = trained.get("recipe", {})
    rows = [
        ("network", f"{about['kind']}, {about['parameters']} parameters"),
        ("SHA-256", about["sha256"]),
        ("results carry", about["model_hash"]),
        ("training", ", ".join(f"{name} {value}" for name, value in _plain(recipe))),
    ]
    rows += [
        (name.replace("_", " "), _text(value))
        for name, value in trained.items()
        if name not in {"recipe", "steps"} and value not in ({}, [], "")
    ]
    rows += [("common error", f"{about['errors']['shared']:g} of a pair's variance")]
    lengths = about["errors"]["correlation"]
    if lengths is not None:
        rows.append(("error correlation", f"{lengths[0]:g} cells along, {lengths[1]:g} across"))
    rows.append(("taken by auto", _range(about["trusted_range"])))
    table = Table(title=escape(about["file"]), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(str(value)))
    return table


def _parameters(path: Path) -> int:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - no mapping


def _plain(recipe: dict[str, Any]) -> list[tuple[str, Any]]:
    """Keys with one value: what a recipe sets for networks of another kind comes in groups."""
    return [(name, value) for name, value in recipe.items() if not isinstance(value, dict) and value != ""]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_text(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _range(span: dict[str, Any] | None) -> str:
    if span is None:
        return "never: no acquisitions are stated that they may be trusted with"
    parts = [", ".join(span["probe_types"])]
    for name, (scale, unit) in _UNITS.items():
        low, high = span[name]
        parts.append(f"{low * scale:g} to {high * scale:g} {unit}")
    return "; ".join(parts)
