"""`musse-stream measure`: strain ratio of two regions, offline."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def measure(
    file: Annotated[Path, typer.Argument(help="Recording of RF frames, or a tape that holds results.")],
    regions: Annotated[
        str, typer.Option(help='JSON in mm, or a file of it: {"a": {"x": 0, "z": 20, "width": 8, ...}, ...}.')
    ],
    csv: Annotated[Path | None, typer.Option(dir_okay=False, help="Table of the measurements.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="The same with version and settings.")
    ] = None,
    frame: Annotated[
        int | None, typer.Option(help="Frame number [default: the best image of the file].", min=0)
    ] = None,
    every: Annotated[bool, typer.Option("--every", help="Measure every image: one row each.")] = False,
    config: options.ConfigFile = None,
    engine: options.Engine = None,
    weights: options.Weights = None,
    pairing: options.Pairing = None,
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
    from streamer.config import load_config
    from tools.log import log_to_stderr
    from tools.measure.opened import choose, frames_of_file
    from tools.measure.ratio import as_row, presses
    from tools.measure.ratio import measure as measure_frame
    from tools.measure.regions import read_regions
    from tools.measure.table import to_csv, to_json
    from tools.part import check_output, writing

    log_to_stderr()
    if every and frame is not None:
        raise typer.BadParameter("give --frame or --every, not both")
    wanted = read_regions(regions)
    settings = load_config(
        config,
        options.given(
            engine={"name": engine, "weights": options.absolute(weights)},
            pairing={"mode": pairing, "stride": stride},
        ),
    )
    for path in (csv, json_file):
        if path is not None:
            check_output(path, overwrite=overwrite, inputs=[file])
    frames = list(frames_of_file(file, settings, opening.open))
    chosen = frames if every else [choose(frames, frame, file)]
    rows = []
    for image in chosen:
        before = [f for f in frames if f.time <= image.time and f.session_id == image.session_id]
        result = measure_frame(image, wanted)
        rows.append(as_row(result, wanted, per_press=presses(before, wanted).text))
        if not every:
            typer.echo(
                f"frame {image.frame_index}: ratio B/A {result.ratio.text}, per press {rows[-1]['per_press']}"
            )
            for line in result.warnings:
                typer.echo(f"note: {line}")
    if csv is not None:
        with writing(csv):
            csv.write_text(to_csv(rows), encoding="utf-8")
        typer.echo(f"{csv}: {len(rows)} rows")
    if json_file is not None:
        details = {"regions": wanted.model_dump(), "pairing": settings.pairing.model_dump()}
        with writing(json_file):
            json_file.write_text(to_json(rows, details), encoding="utf-8")
        typer.echo(f"{json_file}: {len(rows)} rows")
    if csv is None and json_file is None and every:
        typer.echo(to_csv(rows), nl=False)
