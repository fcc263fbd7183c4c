"""`musse-stream figure`: one strain image for a paper."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def figure(
    file: options.ImagesOf,
    output: Annotated[Path, typer.Option(help="Figure: .pdf, .svg or .png.")],
    frame: options.Frame = None,
    regions: Annotated[
        str | None, typer.Option(help="Regions A and B to draw, as `measure` takes them.")
    ] = None,
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
    """Draw B-mode and strain with colour bar, mm and regions.

    Examples:

        musse-stream figure live.mcap --output figure.pdf

        musse-stream figure arm.mhd --pairing stride --stride 3 --regions regions.json --output figure.svg
    """
    from tools.display.options import DisplayOptions
    from tools.export.figure import ENDINGS, write_figure
    from tools.log import log_to_stderr
    from tools.measure.opened import choose, frames_of_file
    from tools.measure.regions import file_named, read_regions
    from tools.output import check_ending
    from tools.part import check_output, writing
    from tools.results.provenance import sha256
    from tools.results.sources import files_of

    log_to_stderr()
    check_ending(output, ENDINGS, "a figure")
    inputs = [*files_of(file), file_named(regions), config, weights]
    check_output(output, overwrite=overwrite, inputs=inputs)
    wanted = None if regions is None else read_regions(regions)
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
    image = choose(list(frames_of_file(file, settings, opening.open, with_bmode=True)), frame, file)
    with writing(output, overwrite=overwrite) as part:
        shown = DisplayOptions(color_map=color_map, range_max=range_max)
        write_figure(image, part, shown, wanted, source_sha256=sha256(file))
    typer.echo(f"{output}: frame {image.frame_index}")
