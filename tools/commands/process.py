"""`musse-stream process`: a recording to strain, offline."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def process(
    file: Annotated[Path, typer.Argument(help="Recording: .mhd, .mha, .npz, .mat or .h5.")],
    output: Annotated[Path, typer.Option(help="Result file: .h5 or .npz.")],
    config: options.ConfigFile = None,
    engine: options.Engine = None,
    weights: options.Weights = None,
    device: options.Device = None,
    precision: options.Precision = None,
    pairing: options.Pairing = None,
    interval: options.Interval = None,
    stride: options.Stride = None,
    loop: Annotated[
        Literal["off", "bounce"], typer.Option(help="The order in which the frames were replayed.")
    ] = "off",
    frames: Annotated[
        int | None, typer.Option(help="How many frames to play [default: all once].", min=2)
    ] = None,
    pairs_from: Annotated[
        Path | None, typer.Option(help="Tape or result file: compute exactly its pairs again.")
    ] = None,
    bmode: Annotated[
        bool, typer.Option("--bmode", help="Add the B-mode image of every frame to an .h5 file.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the result file.")] = False,
    *,
    opening: Opening,
) -> None:
    """Compute strain of every pair of a recording, with the same code as live.

    Examples:

        musse-stream process arm.mhd --output strain.h5

        musse-stream process arm.mhd --output strain.npz --pairing stride --stride 3

        musse-stream process arm.mhd --loop bounce --pairs-from live.mcap --output again.h5
    """
    from rich.console import Console

    from tools.log import log_to_stderr
    from tools.part import check_output
    from tools.process import run_process
    from tools.results.sources import files_of

    log_to_stderr()
    if pairs_from is not None and any(given is not None for given in (frames, pairing, interval, stride)):
        raise typer.BadParameter(
            "the result file lists the pairs: leave out --frames, --pairing, --interval and --stride"
        )
    settings = options.configuration(
        config,
        engine=engine,
        device=device,
        weights=weights,
        precision=precision,
        pairing=pairing,
        interval=interval,
        stride=stride,
    )
    check_output(output, overwrite=overwrite, inputs=[*files_of(file), pairs_from, config, weights])
    with opening.open(file) as recording:
        run_process(
            recording,
            settings,
            output,
            Console(stderr=True),
            frames=frames,
            loop=loop,
            pairs_from=pairs_from,
            bmode=bmode,
            overwrite=overwrite,
        )
