"""Options that several commands share: what computes strain, and which frames make a pair."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

ConfigFile = Annotated[Path | None, typer.Option(help="TOML file; see `musse-stream config show`.")]
ENGINES = (
    "auto, reference, musse (the network on its best runtime here), onnx, eager, cuda, tensorrt or trivial."
)
Engine = Annotated[str | None, typer.Option(help=ENGINES)]
Weights = Annotated[
    Path | None,
    typer.Option(help="Weights: live, or a .safetensors file, of the published network too [default: live]."),
]
Pairing = Annotated[
    Literal["sequential", "stride", "keyframe", "auto"] | None,
    typer.Option(help="Which frames make a pair."),
]
Stride = Annotated[int | None, typer.Option(help="N of stride pairing: (k - N, k).", min=1, max=16)]


def absolute(weights: Path | None) -> str | None:
    """Weights as the configuration holds them: wherever a process of this command runs, the same file."""
    if weights is None:
        return None
    named = not weights.suffix and len(weights.parts) == 1  # a name of the package's weights
    return str(weights if named else weights.absolute())


def given(**sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Overrides for `load_config`: of each section the options given; None counts as not given.

    A stride without a pairing means stride pairing.
    """
    pairing = sections.get("pairing", {})
    if pairing.get("stride") and pairing.get("mode") is None:
        sections["pairing"] = {**pairing, "mode": "stride"}
    return {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in sections.items()
    }
