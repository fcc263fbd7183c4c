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
    stride: options.Stride = None,
    *,
    opening: Opening,
) -> None:
    """Compute strain of all recordings of an archive; what is finished is skipped.

    Examples:

        musse-stream batch archive --output results --jobs 2

        musse-stream batch "archive/*/*.mhd" --output results --shard 3/16
    """
    from rich.console import Console
    from rich.progress import Progress

    from streamer.config import load_config
    from tools.batch.one import BatchConfig
    from tools.batch.plan import Shard, Task
    from tools.batch.report import Report
    from tools.batch.run import run_batch
    from tools.batch.table import error_of
    from tools.log import log_to_stderr

    log_to_stderr()
    if scheduler is not None and jobs > 1:
        raise typer.BadParameter("the cluster's workers do the work: leave out --jobs")
    settings = load_config(
        config,
        options.given(
            engine={"name": engine, "weights": options.absolute(weights)},
            pairing={"mode": pairing, "stride": stride},
        ),
    )
    overrides = {name: value for name, value in opening.overrides.items() if value is not None}
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        bar = progress.add_task("recordings", total=None)

        def show(text: str) -> None:
            console.print(text, markup=False, highlight=False)

        def on_report(task: Task, report: Report) -> None:
            progress.advance(bar)
            if report.error is not None:
                show(f"{task.label}: {error_of(report, names=not no_names)}")

        reports = run_batch(
            archive,
            output,
            BatchConfig(settings, opening.preset, overrides),
            shard=Shard.parse(shard),
            jobs=jobs,
            scheduler=scheduler,
            names=not no_names,
            on_start=lambda total: progress.update(bar, total=total),
            on_report=on_report,
            on_retry=lambda task: show(f"{task.label}: its worker was killed, it is tried again"),
        )
    failed = sum(report.error is not None for report in reports)
    skipped = sum(report.skipped for report in reports)
    where = "" if no_names else f"{output}: "
    typer.echo(
        f"{where}{len(reports)} recordings, {len(reports) - failed - skipped} processed, "
        f"{skipped} finished before, {failed} failed"
    )
    if failed:
        raise typer.Exit(4)
