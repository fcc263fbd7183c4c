"""`musse-stream batch`: an archive to results, one function in processes, shards and a cluster."""

import csv
import json
import re
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
import pytest

from streamer.config_file import load_config
from tests.root import ROOT
from tests.tools.programs import PATIENCE, Program, write_press
from tools.batch import sheet
from tools.batch.one import BatchConfig, process_one
from tools.batch.plan import Shard, Task, plan
from tools.batch.report import Report
from tools.batch.workers import RETRIES
from tools.errors import RecordingError, ToolError
from tools.formats import open_recording
from tools.process import process_to_file

NAMES = ("smith-anna", "wing7/jones", "wing7/miller", "taylor")
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


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings, and samples that belong to a header."""
    folder = tmp_path_factory.mktemp("archive")
    (folder / "wing7").mkdir()
    for seed, name in enumerate(NAMES):
        write_press(folder / f"{name}.h5", seed=seed)
    (folder / "notes.raw").write_bytes(b"samples of a header")
    return folder


def test_two_workers_equal_process_and_a_bad_file_stops_nothing(archive: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"no HDF5")
    output = tmp_path / "results"
    arguments = (archive, bad, "--output", output, "--jobs", 2, "--engine", "trivial", "--config", "fine")
    code, printed = batch(*arguments)
    assert code == 4, printed
    assert "5 recordings, 4 processed, 0 finished before, 1 failed" in printed
    table = rows(output / "batch.csv")
    assert len(table) == 5
    for row in table:
        results = output / row["results"]
        if "bad.h5" in row["recording"]:
            assert "bad.h5" in row["error"]
            assert row["pairs"] == row["mean_abs_strain"] == row["results"] == ""
            continue
        path = next(archive / f"{name}.h5" for name in NAMES if row["recording"].endswith(f"{name}.h5"))
        expected = tmp_path / f"{path.stem}-alone.h5"
        with open_recording(path) as recording:
            done = process_to_file(recording, TRIVIAL.config, expected, frames=recording.n_frames)
        assert_same(results, expected)
        assert (int(row["pairs"]), int(row["accepted"])) == (done.pairs, done.valid)
        strain = contents(expected)["mean_strain"][1:]
        assert float(row["mean_abs_strain"]) == pytest.approx(np.abs(strain).mean())
        assert abs(strain.mean()) < 0.5 * np.abs(strain).mean()  # the control: press and release cancel
        assert (row["engine"], row["error"]) == ("trivial", "")
    with pytest.raises(AssertionError):  # the control: other echoes
        assert_same(tmp_path / "jones-alone.h5", tmp_path / "miller-alone.h5")
    shown = (output / "batch.html").read_text(encoding="utf-8")
    assert len(re.findall(r'src="data:image/png;base64,[\w+/=]{200,}"', shown)) == 4
    assert not re.search(r"https?://|<script|<link", shown)
    # the control of the test without names
    assert names_in(output, printed) == {"smith", "anna", "wing7", "jones", "miller", "taylor"}
    bad.unlink()
    write_press(bad)  # repaired: only it is left to do
    times = {path: path.stat().st_mtime_ns for path in output.rglob("*.h5")}
    code, printed = batch(*arguments)
    assert code == 0, printed
    assert "5 recordings, 1 processed, 4 finished before, 0 failed" in printed
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.long
def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """Killed while it writes: its recording is tried again, and nothing of the first try is left."""
    folder, output = tmp_path / "archive", tmp_path / "results"
    folder.mkdir()
    write_press(folder / "a.h5", LONG)
    write_press(folder / "b.h5")
    with Program(("batch", str(folder), "--output", str(output), "--engine", "trivial"), {}) as program:
        kill_writer(program, output / "a.h5.h5.part")
        program.wait_for("a.h5: its worker was killed, it is tried again")
        assert program.end(patience=4 * PATIENCE) == 0, program.err
    assert [row["error"] for row in rows(output / "batch.csv")] == ["", ""]
    assert sorted(path.name for path in output.iterdir()) == [
        "a.h5.h5", "a.h5.h5.done.json", "b.h5.h5", "b.h5.h5.done.json", "batch.csv", "batch.html"
    ]  # fmt: skip


@pytest.mark.long
def test_a_worker_that_is_killed_every_time_stops_nothing(tmp_path: Path) -> None:
    folder, output = tmp_path / "archive", tmp_path / "results"
    folder.mkdir()
    write_press(folder / "a.h5", LONG)
    write_press(folder / "b.h5")
    with Program(("batch", str(folder), "--output", str(output), "--engine", "trivial"), {}) as program:
        for _ in range(RETRIES + 1):
            kill_writer(program, output / "a.h5.h5.part")
        assert program.end() == 4, program.err
    bad, good = rows(output / "batch.csv")
    assert "killed 3 times" in bad["error"]
    assert good["error"] == ""


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


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shards_are_disjoint_and_complete(archive: Path, tmp_path: Path, count: int) -> None:
    tasks = plan([str(archive)], tmp_path)
    parts = [Shard.parse(f"{index}/{count}").of(tasks) for index in range(1, count + 1)]
    assert len(tasks) == len(NAMES)
    assert sorted(task.label for part in parts for task in part) == [task.label for task in tasks]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_an_impossible_shard_is_refused(text: str) -> None:
    with pytest.raises(ToolError, match="--shard"):
        Shard.parse(text)


def test_folders_globs_and_files_name_the_same_recordings(archive: Path, tmp_path: Path) -> None:
    def labels(*archives: object) -> list[str]:
        return [task.label for task in plan([str(a) for a in archives], tmp_path)]

    everything = ["smith-anna.h5", "taylor.h5", "wing7/jones.h5", "wing7/miller.h5"]
    assert labels(archive) == labels(archive / "**" / "*") == everything
    assert labels(archive, archive / "taylor.h5") == everything  # once
    assert labels(archive / "wing7" / "*.h5") == ["jones.h5", "miller.h5"]
    assert plan([str(archive)], archive / "wing7")[-1].label == "taylor.h5"  # results are no recordings
    with pytest.raises(RecordingError, match="no recording in"):
        labels(tmp_path / "nothing")


def test_other_settings_or_samples_are_computed_again(tmp_path: Path) -> None:
    path, output = write_press(tmp_path / "a.h5", 4), tmp_path / "r.h5"
    assert not process_one(path, output, TRIVIAL).skipped
    assert process_one(path, output, TRIVIAL).skipped
    other = BatchConfig(load_config(None, {"engine": {"name": "trivial"}, "quality": {"max_strain": 0.02}}))
    assert not process_one(path, output, other).skipped
    assert process_one(path, output, other).skipped
    path.unlink()
    write_press(path, 5)
    report = process_one(path, output, other)
    assert (report.skipped, report.pairs) == (False, 5)
    mark = output.with_name("r.h5.done.json")
    assert set(json.loads(mark.read_text())["key"]) == {"recording", "configuration", "weights", "release"}
    mark.write_text("{}")  # damaged
    assert not process_one(path, output, other).skipped


def test_a_file_that_holds_no_results_is_not_replaced(tmp_path: Path) -> None:
    path = write_press(tmp_path / "a.h5", 3)
    report = process_one(path, path, TRIVIAL)
    assert "holds no strain results" in (report.error or "")
    assert process_one(path, tmp_path / "r.h5", TRIVIAL).pairs == 3


def test_without_names_no_name_is_in_any_output(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "miller-bad.h5").write_bytes(b"no HDF5")
    output = tmp_path / "results"
    arguments = (archive, tmp_path / "*bad.h5", "--output", output, "--engine", "trivial")
    code, printed = batch(*arguments, "--no-names")
    assert code == 4, printed
    assert names_in(output, printed) == set()
    table = rows(output / "batch.csv")
    assert [row["recording"] for row in table] == [f"{number:06d}" for number in range(1, 6)]
    assert [row["error"] for row in table].count("it cannot be used as a recording") == 1


def names_in(output: Path, printed: str) -> set[str]:
    """Which parts of names are in names or bytes of files below the folder, or were printed."""
    texts = [printed.encode()]
    for path in output.rglob("*"):
        texts += [path.relative_to(output).as_posix().encode(), path.read_bytes() if path.is_file() else b""]
    everything = b"\n".join(texts).lower()
    return {part for name in NAMES for part in re.split(r"[-/]", name) if part.encode() in everything}


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


@pytest.mark.long
def test_a_dask_cluster_computes_the_same_though_a_worker_is_killed(tmp_path: Path) -> None:
    """Two workers; needs the extra `cluster`."""
    folder, output = tmp_path / "archive", tmp_path / "results"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_press(folder / f"{name}.h5", LONG if name == "a" else 8)
    with cluster(tmp_path / "scheduler.json", 2) as (address, workers):
        arguments = ("batch", str(folder), "--output", str(output), "--engine", "trivial", "--config", "fine")
        with Program((*arguments, "--scheduler", address), {}) as program:
            part = output / "a.h5.h5.part"
            (writer,) = until(lambda: [w for w in workers if writes(w, part)])
            writer.kill()
            assert program.end() == 0, program.err
    assert [row["error"] for row in rows(output / "batch.csv")] == [""] * 3
    for name in ("a", "b", "c"):
        with open_recording(folder / f"{name}.h5") as recording:
            process_to_file(recording, TRIVIAL.config, tmp_path / f"{name}.h5", frames=recording.n_frames)
        assert_same(output / f"{name}.h5.h5", tmp_path / f"{name}.h5")


@pytest.mark.long
def test_thirty_recordings_are_the_same_in_every_way(tmp_path: Path) -> None:
    """One and two processes, shards, and a cluster of two workers of which one is killed."""
    folder = tmp_path / "archive"
    for number in range(30):
        path = folder / f"day{number % 3}" / f"scan{number:02d}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_press(path, 24, seed=number)
    common = ("batch", str(folder), "--engine", "trivial", "--output")
    ways = {"one": ("--jobs", "1"), "two": ("--jobs", "2")}
    for name, way in ways.items():
        with Program((*common, str(tmp_path / name), *way), {}) as program:
            assert program.end(patience=900) == 0, program.err
    with (
        Program((*common, str(tmp_path / "shards"), "--shard", "1/2"), {}) as first,
        Program((*common, str(tmp_path / "shards"), "--shard", "2/2"), {}) as second,
    ):
        assert (first.end(patience=900), second.end(patience=900)) == (0, 0), first.err + second.err
    with Program((*common, str(tmp_path / "shards")), {}) as program:
        assert program.end(patience=900) == 0, program.err
        assert "0 processed, 30 finished before" in program.out[-1]
    with cluster(tmp_path / "scheduler.json", 2) as (address, workers):
        output = tmp_path / "cluster"
        with Program((*common, str(output), "--scheduler", address), {}) as program:
            until(lambda: len(list(output.rglob("*.done.json"))) >= 3)
            workers[0].kill()
            assert len(list(output.rglob("*.done.json"))) < 30  # there was work left
            assert program.end(patience=900) == 0, program.err
    for name in ("two", "shards", "cluster"):
        table = rows(tmp_path / name / "batch.csv")
        assert [row["error"] for row in table] == [""] * 30
        for row in table:
            assert_same(tmp_path / name / row["results"], tmp_path / "one" / row["results"])


def test_a_long_contact_sheet_is_cut_into_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "PAGE", 2)
    tasks = [Task(tmp_path / f"{k}.h5", tmp_path / f"{k}.h5.h5", f"scan{k}") for k in range(5)]
    reports = {task: Report(error="cut", error_kind="cut") for task in tasks}
    sheet.write_sheet(tmp_path / "batch.html", tasks, reports, names=True)
    names = ["batch.html", "batch-page-2.html", "batch-page-3.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    pages = [(tmp_path / name).read_text() for name in names]
    assert [page.count("<figure>") for page in pages] == [2, 2, 1]
    assert all(f'href="{name}"' in page for name in names for page in pages)
    assert all("Strain of 5 recordings" in page for page in pages)
