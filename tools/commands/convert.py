"""`musse-stream convert`: a recording in another format."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands.recordings import Opening, opens_recording


@opens_recording
def convert(
    file: Annotated[Path, typer.Argument(help="Recording in any readable format.")],
    output: Annotated[Path, typer.Option(help="New file: .h5, .hdf5 or .mha.")],
    layout: Annotated[
        Literal["musse", "zea"], typer.Option(help="Of an HDF5 file: the project's own, or zea's.")
    ] = "musse",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
    *,
    opening: Opening,
) -> None:
    """Write a recording as MetaImage, as zea's HDF5 or as the project's own, frame by frame.

    Examples:

        musse-stream convert scan.mat --output scan.h5 --frame-axis 2 --frame-rate 30

        musse-stream convert scan.h5 --output scan.mha

        musse-stream convert scan.h5 --output scan.hdf5 --layout zea
    """
    from tools.convert import convert as write
    from tools.processes import ctrl_c

    with opening.open(file) as recording, ctrl_c() as check:
        frames = write(recording, output, layout=layout, overwrite=overwrite, each=check)
    typer.echo(f"{output}: {frames} frames")
