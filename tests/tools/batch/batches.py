"""A batch as its user runs it, what it leaves, and its worker processes."""

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil

from streamer.config_file import load_config
from tests.root import ROOT
from tests.tools.programs import PATIENCE, Program
from tools.batch.one import BatchConfig

LONG = 300  # frames that take a second


TRIVIAL = BatchConfig(load_config(Path("fine"), {"engine": {"name": "trivial"}}))


def batch(*arguments: object) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    with Program(("batch", *map(str, arguments)), {}) as program:
        code = program.end(patience=4 * PATIENCE)
        return code, "".join(program.out + program.err)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def contents(path: Path) -> dict[str, Any]:
    """All arrays and attributes but the time of writing."""
    with h5py.File(path) as file:
        arrays = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
        attributes = {name: value for name, value in file.attrs.items() if name != "created"}
    return arrays | {"attributes": attributes}


def assert_same(found: Path, expected: Path) -> None:
    a, b = contents(found), contents(expected)
    assert a.pop("attributes") == b.pop("attributes")
    assert a.keys() == b.keys()
    for name, values in b.items():
        assert a[name].tobytes() == values.tobytes() or name in {"session_id", "rejection"}, name
        np.testing.assert_array_equal(a[name], values)


def kill_writer(program: Program, part: Path) -> None:
    """Kill the worker that writes this file, as soon as it does."""
    (worker,) = until(lambda: [p for p in descendants(program) if writes(p, part)])
    worker.kill()
    until(lambda: not worker.is_running())


def descendants(program: Program) -> list[psutil.Process]:
    return psutil.Process(program.process.pid).children(recursive=True)


def writes(process: psutil.Process, part: Path) -> bool:
    try:
        return str(part) in {file.path for file in process.open_files()}
    except psutil.Error:
        return False


def until(condition: Any) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


@contextmanager
def cluster(file: Path, workers: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """A Dask scheduler on the loopback and its workers, one process each."""
    common = ("--scheduler-file", str(file))
    scheduler = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    worker = ("distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard")
    commands = [(*scheduler, *common), *[(*worker, *common)] * workers]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            processes.append(subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT))
            address = until(lambda: address_in(file))
        until(lambda: registered(address) == workers)
        yield address, [psutil.Process(process.pid) for process in processes[1:]]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def address_in(file: Path) -> str | None:
    """The address in the file that a scheduler writes; None until it is whole."""
    try:
        return str(json.loads(file.read_text())["address"])
    except (OSError, ValueError):
        return None


def registered(address: str) -> int:
    """How many workers the scheduler has, asked in a process of its own."""
    code = f"from distributed import Client; print(len(Client({address!r}).scheduler_info(-1)['workers']))"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
