"""`musse-stream engine`: compiled engines for NVIDIA cards."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


class Action(StrEnum):
    """What to do with compiled engines."""

    list = "list"
    build = "build"
    verify = "verify"


@opens_recording
def engine(
    action: Annotated[Action, typer.Argument(help="list, build or verify.")],
    target: Annotated[
        str | None,
        typer.Argument(help="build: a recording to build for. verify: an engine's name, from `list`."),
    ] = None,
    shape: Annotated[
        str | None, typer.Option(help="build without a recording: samples x lines, such as 2000x128.")
    ] = None,
    carrier: Annotated[
        float | None, typer.Option(help="build: Hz of the received carrier [default: measured, or stated].")
    ] = None,
    precision: Annotated[
        Literal["fp32", "fp16-trunk"] | None,
        typer.Option(help="build: of the network's trunk [default: the configuration's]."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="build: weights file (.safetensors) [default: the package's].")
    ] = None,
    config: options.ConfigFile = None,
    all_engines: Annotated[bool, typer.Option("--all", help="verify: every engine.")] = False,
    json: Annotated[
        Path | None, typer.Option("--json", help="list, verify: write the results to a file.")
    ] = None,
    *,
    opening: Opening,
) -> None:
    """List, build or verify engines that TensorRT compiled for this computer.

    An engine is used only where verify has compared its results with PyTorch's on this very card.

    Examples:

        musse-stream engine list

        musse-stream engine build recording.mhd

        musse-stream engine build --shape 2000x128 --sampling-frequency 40e6 --center-frequency 5e6
        --line-pitch 3e-4

        musse-stream engine verify --all --json engines.json
    """
    from tools.engines import build_engine, list_engines, verify_engines

    if action is Action.list:
        list_engines(json)
    elif action is Action.verify:
        verify_engines(target, everything=all_engines, json_file=json)
    else:
        build_engine(
            target,
            opening,
            shape=shape,
            carrier=carrier,
            precision=precision,
            weights=weights,
            config_file=config,
        )
