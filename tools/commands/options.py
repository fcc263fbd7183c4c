"""Options that several commands share: what computes strain, and which frames make a pair."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

ConfigFile = Annotated[Path | None, typer.Option(help="TOML file; see `musse-stream config show`.")]
Engine = Annotated[str | None, typer.Option(help="auto, reference or trivial.")]
Pairing = Annotated[
    Literal["sequential", "stride", "keyframe", "auto"] | None,
    typer.Option(help="Which frames make a pair."),
]
Stride = Annotated[int | None, typer.Option(help="N of stride pairing: (k - N, k).", min=1, max=16)]


def given(**sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Overrides for `load_config`: of each section what the command line says, None counting as not said.

    A stride without a pairing means stride pairing.
    """
    pairing = sections.get("pairing", {})
    if pairing.get("stride") and pairing.get("mode") is None:
        sections["pairing"] = {**pairing, "mode": "stride"}
    return {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in sections.items()
    }
