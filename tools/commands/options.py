"""Options that several commands share: what computes strain, and which frames make a pair."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from streamer.config import Config
    from streamer.curve import Security
    from tools.commands.recordings import Opening

ConfigFile = Annotated[
    Path | None, typer.Option(help="TOML file (see `musse-stream config show`), or a preset: fine, light.")
]
ENGINES = (
    "auto, reference, musse (the network on its best runtime here), onnx, eager, cuda, tensorrt or trivial."
)
Engine = Annotated[str | None, typer.Option(help=ENGINES)]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Where the engine computes; auto: an NVIDIA card where there is one."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        help="Weights: live, paper (the network as published), or a .safetensors file [default: live]."
    ),
]
Precision = Annotated[
    Literal["fp32", "fp16-trunk"] | None,
    typer.Option(help="Of the network: fp32, or float16 in its trunk (eager, cuda, tensorrt)."),
]
Pairing = Annotated[
    Literal["time", "sequential", "stride", "keyframe", "auto"] | None,
    typer.Option(help="Which frames make a pair."),
]
Interval = Annotated[
    float | None,
    typer.Option(help="s between the frames of a pair of time pairing [default: 0.13].", min=0.005, max=2),
]
Stride = Annotated[int | None, typer.Option(help="N of stride pairing: (k - N, k).", min=1, max=64)]
ImagesOf = Annotated[
    Path, typer.Argument(help="Recording of RF frames, or a result file or tape that holds images.")
]
Frame = Annotated[
    int | None,
    typer.Option(
        help="Frame number, of a recording counted from its first frame, 0 [default: the best image].", min=0
    ),
]
ColorMap = Annotated[
    Literal["clinical", "reversed", "perceptual", "grey"], typer.Option(help="Colours of strain.")
]
RangeMax = Annotated[float, typer.Option(min=1.1, max=100, help="Top of the colour range.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Without keys, and at other addresses than loopback too."),
]
KeysOf = Annotated[
    Path | None, typer.Option("--config", help="TOML file whose [security] names the keys of the links.")
]


def at_terminal() -> bool:
    """Whether a person reads and types, not a script: defaults may then differ."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def absolute(weights: Path | None) -> str | None:
    """Weights as the configuration holds them: wherever a process of this command runs, the same file."""
    if weights is None:
        return None
    named = not weights.suffix and len(weights.parts) == 1  # a name of the package's weights
    return str(weights if named else weights.absolute())


def configuration(
    config: Path | None,
    *,
    engine: str | None = None,
    device: str | None = None,
    weights: Path | None = None,
    precision: str | None = None,
    pairing: str | None = None,
    interval: float | None = None,
    stride: int | None = None,
) -> "Config":
    """A configuration file with these options on top; None counts as not given. Raises ConfigError."""
    from tools.configuration import load_config

    return load_config(
        config,
        given(
            engine={
                "name": engine,
                "device": device,
                "weights": absolute(weights),
                "precision": precision,
            },
            pairing={"mode": pairing, "interval": interval, "stride": stride},
        ),
    )


def of_images(
    file: Path,
    opening: "Opening",
    *,
    config: Path | None,
    engine: str | None,
    weights: Path | None,
    pairing: str | None,
    interval: float | None,
    stride: int | None,
) -> "Config":
    """The configuration that computes strain images of a recording; the defaults for a file that holds them.

    Raises ToolError where such a file comes with options that compute strain, and ConfigError.
    """
    from tools.measure.published import holds_images

    chosen = {
        "config": config,
        "engine": engine,
        "weights": weights,
        "pairing": pairing,
        "interval": interval,
        "stride": stride,
    }
    if holds_images(file):
        refuse(f"{file} holds strain images that are computed already", {**chosen, **opening.given})
    return configuration(
        config, engine=engine, weights=weights, pairing=pairing, interval=interval, stride=stride
    )


def refuse(why: str, given: Mapping[str, object]) -> None:
    """Raise ToolError naming the options that are given (None: not), since here they do nothing."""
    from tools.errors import ToolError

    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if names:
        raise ToolError(f"{why}: leave out {', '.join(names)}")


def metres(millimetres: float | None) -> float | None:
    """A length given in mm; None stays None."""
    return None if millimetres is None else millimetres * 1e-3


def security(config: Path | None, *, insecure: bool = False) -> "Security":
    """The keys that the [security] of a configuration names. Raises ConfigError."""
    from streamer.config import UNENCRYPTED
    from tools.configuration import load_config

    return load_config(config, {"security": UNENCRYPTED if insecure else {}}).security.load()


def source_id(text: str) -> str:
    """The --source of a program that sends. Raises ConfigError where the protocol does not allow it."""
    from streamer.errors import ConfigError
    from streamer.headers import SOURCE_ID

    if re.fullmatch(SOURCE_ID, text) is None:
        raise ConfigError(f"--source {text!r}: give 1 to 32 of a-z, 0-9 and -, such as scanner-1")
    return text


def given(**sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Overrides for `load_config`: of each section the options given; None counts as not given.

    A stride without a pairing means stride pairing, an interval time pairing. Raises ConfigError for an
    interval that the pairing does not use.
    """
    pairing = sections.get("pairing", {})
    mode = pairing.get("mode")
    if pairing.get("interval") and (mode not in (None, "time") or pairing.get("stride")):
        from streamer.errors import ConfigError

        other = "--stride" if mode in (None, "time") else f"--pairing {mode}"
        raise ConfigError(f"--interval is that of pairs a fixed time apart: leave it out, or {other}")
    for number, meant in (("interval", "time"), ("stride", "stride")):
        if mode is None and pairing.get(number):
            sections["pairing"] = {**pairing, "mode": meant}
    return {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in sections.items()
    }
