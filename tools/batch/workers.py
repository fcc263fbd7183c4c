"""Where tasks run: processes of this computer, or the workers of a Dask cluster."""

import logging
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final

from tools.batch.one import BatchConfig, process_one
from tools.batch.plan import Task
from tools.batch.report import Report
from tools.errors import ToolError
from tools.processes import end_with_parent

RETRIES: Final = 2
"""How often a recording whose worker was killed is tried again."""
_ANSWER: Final = 10.0  # s for a scheduler to answer

Results = Iterator[tuple[Task, Report]]


class _Slot:
    """One worker process at a time, replaced when it was killed."""

    def __init__(self, names: bool) -> None:
        self._names = names
        self._pool = self._open()

    def submit(self, task: Task, config: BatchConfig) -> "Future[Report]":
        try:
            return self._pool.submit(process_one, task.path, task.output, config)
        except BrokenProcessPool:  # killed while it had nothing to do
            self.replace()
            return self._pool.submit(process_one, task.path, task.output, config)

    def replace(self) -> None:
        self.close()
        self._pool = self._open()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _open(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(self._names,))


def _begin(names: bool) -> None:
    """Prepare a worker process; without `names` the readers' warnings, which name files, are not shown."""
    end_with_parent()
    if not names:
        logging.getLogger("tools").setLevel(logging.ERROR)


def run_local(
    tasks: Sequence[Task],
    config: BatchConfig,
    jobs: int,
    *,
    names: bool,
    on_retry: Callable[[Task], None],
) -> Results:
    """Reports as they come from `jobs` processes of this computer.

    Each process is a pool of its own, so that it is certain which recording a killed one had; that one is
    tried again, after `RETRIES` times it is an error.
    """
    waiting = deque((task, 0) for task in tasks)
    free = [_Slot(names) for _ in range(min(jobs, len(tasks)))]
    slots = list(free)
    running: dict[Future[Report], tuple[_Slot, Task, int]] = {}
    try:
        while waiting or running:
            while free and waiting:
                slot = free.pop()
                task, killed = waiting.popleft()
                running[slot.submit(task, config)] = slot, task, killed
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot, task, killed = running.pop(future)
                free.append(slot)
                try:
                    report = future.result()
                except BrokenProcessPool:
                    slot.replace()
                    if killed < RETRIES:
                        on_retry(task)
                        waiting.appendleft((task, killed + 1))
                        continue
                    report = _killed(killed + 1)
                yield task, report
    finally:
        if running:  # interrupted
            for process in multiprocessing.active_children():
                process.terminate()
        for slot in slots:
            slot.close()


def run_cluster(tasks: Sequence[Task], config: BatchConfig, address: str) -> Results:
    """Reports as they come from the Dask cluster whose scheduler is at `address`, which retries by itself.

    Raises ToolError where the extra is not installed, nobody answers, or the cluster has no worker.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ToolError("--scheduler needs Dask: pip install 'musse-stream[cluster]'") from error
    try:
        client = Client(address, timeout=_ANSWER)
    except (OSError, ValueError, TypeError) as error:
        raise ToolError(f"no Dask scheduler answers at {address}: start `dask scheduler` there") from error
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise ToolError(f"the scheduler at {address} has no worker: dask worker {address} --nthreads 1")
        futures: dict[Any, Task] = {
            client.submit(process_one, task.path, task.output, config, pure=False, retries=RETRIES): task
            for task in tasks
        }
        for future in as_completed(futures):
            failure = future.exception()
            yield futures[future], future.result() if failure is None else _lost(failure)


def _killed(times: int) -> Report:
    text = f"its worker process was killed {times} times, perhaps for want of memory: use fewer --jobs"
    return Report(error=text, error_kind=text)


def _lost(error: BaseException) -> Report:
    text = f"lost on the cluster ({type(error).__name__}): see the logs of its workers"
    return Report(error=text, error_kind=text)
