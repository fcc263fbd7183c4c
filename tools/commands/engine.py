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
    axial_window: Annotated[
        float | None, typer.Option(help="build: mm, strain window of the published network.")
    ] = None,
    lateral_window: Annotated[
        float | None, typer.Option(help="build: mm, the same across the lines.")
    ] = None,
    config: options.ConfigFile = None,
    live: Annotated[
        bool, typer.Option("--live", help="build: for the frames that come from input.connect.")
    ] = False,
    connect: Annotated[str | None, typer.Option(help="build --live: address of the frames.")] = None,
    events: Annotated[
        bool, typer.Option("--events", help="build: print each step as a line of JSON.")
    ] = False,
    all_engines: Annotated[bool, typer.Option("--all", help="verify: every engine.")] = False,
    json: Annotated[
        Path | None, typer.Option("--json", help="list, verify: write the results to a file.")
    ] = None,
    overwrite: options.Overwrite = False,
    *,
    opening: Opening,
) -> None:
    """List, build or verify engines that TensorRT compiled for this computer.

    An engine is used only where verify has compared its results with PyTorch's on this very card.

    Examples:

        musse-stream engine list

        musse-stream engine build recording.mhd

        musse-stream engine build --live --connect tcp://192.168.0.10:5560

        musse-stream engine build --shape 2000x128 --sampling-frequency 40e6 --center-frequency 5e6
        --line-pitch 3e-4

        musse-stream engine verify --all --json engines.json
    """
    if json is not None:
        from tools.part import check_output

        check_output(json, overwrite=overwrite)
    if action is Action.list:
        from tools.engines.listing import list_engines

        list_engines(json, overwrite=overwrite)
        return
    if action is Action.verify:
        from tools.engines.verifying import verify_engines

        verify_engines(target, everything=all_engines, json_file=json, overwrite=overwrite)
        return
    from engine.musse.runtimes.tensorrt_package import require_package
    from tools.configuration import load_config
    from tools.engines.building import build_engine, configured, subject_of
    from tools.processes import end_with_parent

    if events:
        end_with_parent()
    require_package()
    settings = configured(load_config(config, options.given(input={"connect": connect})), precision, weights)
    windows = axial_window, lateral_window
    acquired = subject_of(target, opening, settings, shape=shape, windows=windows, from_stream=live)
    build_engine(acquired, settings, carrier=carrier, events=events)
