"""`musse-stream measure`: strain ratio of two regions, offline."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def measure(
    file: options.ImagesOf,
    regions: Annotated[
        str, typer.Option(help='JSON in mm, or a file of it: {"a": {"x": 0, "z": 20, "width": 8, ...}, ...}.')
    ],
    csv: Annotated[Path | None, typer.Option(dir_okay=False, help="Table of the measurements.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="The same with version and settings.")
    ] = None,
    frame: options.Frame = None,
    every: Annotated[bool, typer.Option("--every", help="Measure every image: one row each.")] = False,
    config: options.ConfigFile = None,
    engine: options.Engine = None,
    weights: options.Weights = None,
    pairing: options.Pairing = None,
    interval: options.Interval = None,
    stride: options.Stride = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    *,
    opening: Opening,
) -> None:
    """Strain ratio B/A of lesion A and reference B, with its interval and one value per press.

    The numbers are those of the page for the same images.

    Examples:

        musse-stream measure live.mcap --regions regions.json --csv table.csv

        musse-stream measure arm.mhd --frame 5 --regions
        '{"a": {"x": 0, "z": 15, "width": 6, "height": 6}, "b": {"x": 9, "z": 15, "width": 6, "height": 6}}'
    """
    from tools.log import log_to_stderr
    from tools.measure.command import write_measurements
    from tools.measure.opened import choose, frames_of_file
    from tools.measure.regions import file_named, read_regions
    from tools.part import check_output
    from tools.results.sources import files_of

    log_to_stderr()
    if every and frame is not None:
        raise typer.BadParameter("give --frame or --every, not both")
    wanted = read_regions(regions)
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
    inputs = [*files_of(file), file_named(regions), config, weights]
    for path in (csv, json_file):
        if path is not None:
            check_output(path, overwrite=overwrite, inputs=inputs)
    if csv is not None and json_file is not None and csv.resolve() == json_file.resolve():
        raise typer.BadParameter("--csv and --json name one file: give two names")
    frames = list(frames_of_file(file, settings, opening.open))
    chosen = None if every else choose(frames, frame, file)
    write_measurements(
        frames, chosen, wanted, settings, source=file, csv=csv, json_file=json_file, overwrite=overwrite
    )
