"""`musse-stream batch`: an archive to results, in processes and shards."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from streamer.config_file import load_config
from tests.tools.batch.batches import TRIVIAL, assert_same, batch, contents, rows
from tests.tools.programs import write_press
from tools.batch import sheet
from tools.batch.one import BatchConfig, process_one
from tools.batch.plan import Shard, Task, plan
from tools.batch.report import Report
from tools.errors import RecordingError, ToolError
from tools.formats import open_recording
from tools.process import process_to_file

NAMES = ("smith-anna", "wing7/jones", "wing7/miller", "taylor")


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
