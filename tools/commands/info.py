"""`musse-stream info`: what a recording, a result file or a file of weights holds."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.recordings import Opening, opens_recording


@opens_recording
def info(
    file: Annotated[
        Path,
        typer.Argument(
            help="Recording in any readable format, tape (.mcap), strain results (.h5, .npz), weights "
            "(.safetensors), or a figure or movie of this program."
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    *,
    opening: Opening,
) -> None:
    """Show what a recording holds: frames, times, acquisition, signal levels, and what was assumed.

    Of a file of strain results: pairs, rejections, engine and settings. Of a tape: what is on it and whether
    it is complete; --variable 1 shows the frames of its first acquisition. Of weights: their model card. Of a
    figure or movie: the SHA-256 of the file it was made of, frames and engine.

    Examples:

        musse-stream info arm.mhd

        musse-stream info acquisition.npz --frame-rate 30 --preset verasonics-l11-5v

        musse-stream info strain.h5 --json
    """
    from tools.export.stamp import ENDINGS, describe_export
    from tools.formats.description import describe
    from tools.results.description import describe_results, holds_results
    from tools.weights_card import SUFFIX, describe_weights, weights_table

    if file.suffix.lower() in ENDINGS:
        about = describe_export(file)
    elif file.suffix.lower() == SUFFIX:
        about = describe_weights(file)
    elif file.suffix.lower() == ".mcap" and opening.overrides.get("variable") is None:
        from tools.formats.tape_description import describe_tape

        about = describe_tape(file)
    elif holds_results(file):
        about = describe_results(file)
    else:
        with opening.open(file) as recording:
            about = describe(recording)
    if json:
        from json import dumps

        typer.echo(dumps(about, allow_nan=False))
        return
    from rich.console import Console

    from tools.info import export_table, recording_tables, results_table, tape_table

    if "source_sha256" in about:
        Console().print(export_table(about))
    elif "sha256" in about:
        Console().print(weights_table(about))
    elif "per_frame" in about:
        Console().print(*recording_tables(about))
    else:
        Console().print(tape_table(about) if "acquisitions" in about else results_table(about))
