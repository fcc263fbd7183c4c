"""`musse-stream batch`: many recordings to results."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands import options
from tools.commands.recordings import Opening, opens_recording


@opens_recording
def batch(
    archive: Annotated[list[str], typer.Argument(help="Folder, quoted glob, or files of recordings.")],
    output: Annotated[Path, typer.Option(help="Folder of results, table and contact sheet.")],
    jobs: Annotated[int, typer.Option(min=1, help="Processes on this computer.")] = 1,
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Only every N-th recording, from the I-th.")
    ] = "1/1",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, such as tcp://127.0.0.1:8786.")
    ] = None,
    no_names: Annotated[
        bool, typer.Option("--no-names", help="Numbers instead of file names in all output.")
    ] = False,
    config: options.ConfigFile = None,
    engine: options.Engine = None,
    weights: options.Weights = None,
    pairing: options.Pairing = None,
    interval: options.Interval = None,
    stride: options.Stride = None,
    *,
    opening: Opening,
) -> None:
    """Compute strain of all recordings of an archive; what is finished is skipped.

    Examples:

        musse-stream batch archive --output results --jobs 2

        musse-stream batch "archive/*/*.mhd" --output results --shard 3/16
    """
    from tools.batch.command import batch_with_progress
    from tools.batch.one import BatchConfig
    from tools.batch.plan import Shard
    from tools.log import log_to_stderr

    log_to_stderr()
    if scheduler is not None and jobs > 1:
        raise typer.BadParameter("the cluster's workers do the work: leave out --jobs")
    settings = options.configuration(
        config, engine=engine, weights=weights, pairing=pairing, interval=interval, stride=stride
    )
    overrides = {name: value for name, value in opening.overrides.items() if value is not None}
    batch_with_progress(
        archive,
        output,
        BatchConfig(settings, opening.preset, overrides),
        shard=Shard.parse(shard),
        jobs=jobs,
        scheduler=scheduler,
        names=not no_names,
    )
