"""`musse-stream movie`: all strain images of a recording for a talk."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def movie(
    file: options.ImagesOf,
    output: Annotated[
        Path, typer.Option(help="Movie: .webm (browsers), .mp4 (office programs) or .gif (slides).")
    ],
    mode: Annotated[
        Literal["side-by-side", "overlay"], typer.Option(help="B-mode beside strain, or under it.")
    ] = "side-by-side",
    color_map: options.ColorMap = "clinical",
    range_max: options.RangeMax = 2.5,
    config: options.ConfigFile = None,
    engine: options.Engine = None,
    weights: options.Weights = None,
    pairing: options.Pairing = None,
    interval: options.Interval = None,
    stride: options.Stride = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    *,
    opening: Opening,
) -> None:
    """Write every image as the window shows it, at the recording's own pace.

    Examples:

        musse-stream movie live.mcap --output talk.mp4

        musse-stream movie arm.mhd --pairing stride --stride 3 --output page.webm
    """
    from rich.console import Console
    from rich.progress import Progress

    from tools.display.options import DisplayOptions
    from tools.export.movie import ENDINGS, write_movie
    from tools.log import log_to_stderr
    from tools.measure.opened import frames_of_file
    from tools.output import check_ending
    from tools.part import check_output
    from tools.results.provenance import sha256
    from tools.results.sources import files_of

    log_to_stderr()
    check_ending(output, ENDINGS, "a movie")
    check_output(output, overwrite=overwrite, inputs=[*files_of(file), config, weights])
    settings = options.of_images(
        file,
        opening,
        config=config,
        engine=engine,
        weights=weights,
        pairing=pairing,
        interval=interval,
        stride=stride,
    )
    shown = DisplayOptions(layout=mode, color_map=color_map, range_max=range_max)
    frames = list(frames_of_file(file, settings, opening.open, with_bmode=True))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("images", total=len(frames))
        rate = write_movie(
            frames,
            output,
            shown,
            lambda done: progress.update(task, completed=done),
            source_sha256=sha256(file),
            overwrite=overwrite,
        )
    typer.echo(f"{output}: {len(frames)} images, {rate:.1f} per second")
