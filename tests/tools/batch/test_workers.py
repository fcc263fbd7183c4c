"""Workers of a batch that are killed, here and on a cluster, change no result. Minutes."""

from pathlib import Path

import pytest

from tests.tools.batch.batches import LONG, TRIVIAL, assert_same, cluster, kill_writer, rows, until, writes
from tests.tools.programs import PATIENCE, Program, write_press
from tools.batch.workers import RETRIES
from tools.formats import open_recording
from tools.process import process_to_file


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
