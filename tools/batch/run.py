"""A whole batch: plan, work, table and contact sheet."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tools.batch.one import BatchConfig
from tools.batch.plan import Shard, Task, plan
from tools.batch.report import Report
from tools.batch.sheet import write_sheet
from tools.batch.table import write_table
from tools.batch.workers import run_cluster, run_local
from tools.errors import ToolError


def run_batch(
    archives: Sequence[str],
    output: Path,
    config: BatchConfig,
    *,
    shard: Shard,
    jobs: int,
    scheduler: str | None,
    names: bool,
    on_start: Callable[[int], object],
    on_report: Callable[[Task, Report], object],
    on_retry: Callable[[Task], None],
) -> list[Report]:
    """Process every recording of the shard; write `batch.csv` and `batch.html` in `output`.

    A shard's are batch-I-of-N.csv and .html. Raises RecordingError where there is no recording, ToolError
    where `output` cannot be made or the cluster cannot be used.
    """
    tasks = shard.of(plan(archives, output, names=names))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"{output} cannot be made: {error.strerror}") from error
    on_start(len(tasks))
    results = (
        run_local(tasks, config, jobs, names=names, on_retry=on_retry)
        if scheduler is None
        else run_cluster(tasks, config, scheduler)
    )
    reports = {}
    for task, report in results:
        reports[task] = report
        on_report(task, report)
    name = "batch" if shard.count == 1 else f"batch-{shard.index}-of-{shard.count}"
    write_table(output / f"{name}.csv", tasks, reports, names=names)
    write_sheet(output / f"{name}.html", tasks, reports, names=names)
    return list(reports.values())
