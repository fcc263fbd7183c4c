"""`musse-stream convert`: a recording or a tape in another format."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tools.commands.recordings import Opening, opens_recording


@opens_recording
def convert(
    file: Annotated[Path, typer.Argument(help="Recording in any readable format, or a tape (.mcap).")],
    new_file: Annotated[
        Path | None, typer.Argument(help="New file: .h5, .hdf5, .mha; results also .npz.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The same as the second argument.")] = None,
    what: Annotated[
        Literal["results", "rf"] | None,
        typer.Option(help="Of a tape: its results or its RF frames [default: results where it has any]."),
    ] = None,
    layout: Annotated[
        Literal["musse", "zea"], typer.Option(help="Of an HDF5 file: the project's own, or zea's.")
    ] = "musse",
    no_names: Annotated[
        bool, typer.Option("--no-names", help="Leave out the source's name and every text about frames.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
    *,
    opening: Opening,
) -> None:
    """Write a recording as MetaImage, as zea's HDF5 or as the project's own; a tape as results or recording.

    Where geometry, source or engine change within a tape, a further file begins: NAME-2.h5 and so on.

    Examples:

        musse-stream convert live.mcap live.h5

        musse-stream convert live.mcap rf.mha --what rf

        musse-stream convert scan.mat --output scan.h5 --frame-axis 2 --frame-rate 30

        musse-stream convert scan.h5 --output scan.mha

        musse-stream convert scan.h5 --output scan.hdf5 --layout zea
    """
    target = new_file or output
    if target is None or (new_file is not None and output is not None):
        raise typer.BadParameter("give the new file, once", param_hint="NEW_FILE")

    from tools.convert import convert as write
    from tools.convert import convert_tape, left_out, remove_texts
    from tools.processes import ctrl_c

    with ctrl_c(at_once=False) as check:
        if file.suffix.lower() == ".mcap":
            lines = convert_tape(
                file, target, what=what, layout=layout, variable=opening.overrides.get("variable"),
                names=not no_names, overwrite=overwrite, each=check,
            )  # fmt: skip
            typer.echo("\n".join(lines))
            return
        with opening.open(file) as recording:
            lines = left_out(recording, target, layout, names=not no_names)
            if no_names:
                remove_texts(recording)
            frames = write(recording, target, layout=layout, overwrite=overwrite, each=check)
    typer.echo("\n".join([f"{target}: {frames} frames", *lines]))
