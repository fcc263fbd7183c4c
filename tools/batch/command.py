"""The work of `musse-stream batch`: a batch with its progress bar and last line."""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from tools.batch.one import BatchConfig
from tools.batch.plan import Shard, Task
from tools.batch.report import Report
from tools.batch.run import run_batch
from tools.batch.table import error_of

FAILED = 4  # exit code where a recording could not be processed


def batch_with_progress(
    archives: Sequence[str],
    output: Path,
    config: BatchConfig,
    *,
    shard: Shard,
    jobs: int,
    scheduler: str | None,
    names: bool,
) -> None:
    """`run_batch`; failures are shown as they come. Raises as it, and typer.Exit where a recording failed."""
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        bar = progress.add_task("recordings", total=None)

        def show(text: str) -> None:
            console.print(text, markup=False, highlight=False)

        def on_report(task: Task, report: Report) -> None:
            progress.advance(bar)
            if report.error is not None:
                show(f"{task.label}: {error_of(report, names=names)}")

        reports = run_batch(
            archives,
            output,
            config,
            shard=shard,
            jobs=jobs,
            scheduler=scheduler,
            names=names,
            on_start=lambda total: progress.update(bar, total=total),
            on_report=on_report,
            on_retry=lambda task: show(f"{task.label}: its worker was killed, it is tried again"),
        )
    failed = sum(report.error is not None for report in reports)
    skipped = sum(report.skipped for report in reports)
    where = f"{output}: " if names else ""
    typer.echo(
        f"{where}{len(reports)} recordings, {len(reports) - failed - skipped} processed, "
        f"{skipped} finished before, {failed} failed"
    )
    if failed:
        raise typer.Exit(FAILED)
