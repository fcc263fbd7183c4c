"""`musse-stream assess`: engines on recordings without truth."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def assess(
    files: Annotated[list[Path], typer.Argument(help="Recordings: .mhd, .mha, .npz, .mat or .h5.")],
    config: options.ConfigFile = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(help="May be repeated; ncc is a plain block matcher to compare with, and slow."),
    ] = None,
    pairing: options.Pairing = None,
    interval: options.Interval = None,
    stride: options.Stride = None,
    loop: Annotated[
        Literal["off", "bounce"],
        typer.Option(help="bounce: forward and back. Steadier, because pairs then share their noise."),
    ] = "off",
    save: Annotated[
        Path | None, typer.Option(help="Also draw single pairs and fused images of the first engine, PNG.")
    ] = None,
    overwrite: options.Overwrite = False,
    json: Annotated[bool, typer.Option("--json", help="End in one JSON line.")] = False,
    *,
    opening: Opening,
) -> None:
    """Quality figures of engines on recordings without ground truth.

    Mean strain against the displacement difference, closure of three frames, correlation after warping beside
    what the standard deviation explains, stability from image to image, pairs accepted.

    Examples:

        musse-stream assess scan.mhd

        musse-stream assess a.mhd b.mhd --config light --engine reference --engine ncc

        musse-stream assess scan.mhd --loop bounce --save images.png
    """
    from rich.console import Console

    from tools.evaluate.assess import run_assessment

    settings = options.configuration(config, pairing=pairing, interval=interval, stride=stride)
    run_assessment(
        files,
        opening.open,
        settings,
        engine or ["reference"],
        Console(stderr=True),
        loop=loop,
        image=save,
        overwrite=overwrite,
        as_json=json,
    )
