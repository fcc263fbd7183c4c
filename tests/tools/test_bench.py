"""`musse-stream bench` ends in one JSON line whose figures belong together."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tools.programs import program, write_press
from tools.bench.comparison import SETTINGS, compare, matching_run, recorded_runs
from tools.errors import ToolError

NAMED = {
    "frames_sent",
    "frames_received",
    "frames_lost",
    "frames_overwritten",
    "step_p50_ms",
    "step_p99_ms",
    "node_added_p50_ms",
    "node_added_p99_ms",
    "environment",
}


def test_it_ends_in_one_line_of_figures(tmp_path: Path) -> None:
    file = write_press(tmp_path / "a.h5")
    arguments = ("--engine", "trivial", "--rate", "40", "--seconds", "1.5", "--displays", "1", "--json")
    with program("bench", "--file", str(file), *arguments) as bench:
        assert bench.end() == 0, bench.err
    assert len(bench.out) == 1
    found = json.loads(bench.out[0])
    assert found.keys() >= NAMED
    assert found["frames_sent"] == 10 + 60  # ten to warm up
    assert found["frames_received"] + found["frames_lost"] == found["frames_sent"]
    assert found["frames_unaccounted"] == 0
    ended = found["frames_refused"] + found["frames_overwritten"] + found["results_published"]
    assert ended == found["frames_received"]
    assert 0 < found["results_with_values"] <= found["results_published"]
    for name in ("step", "node_added", "bare"):
        assert 0 < found[f"{name}_p50_ms"] <= found[f"{name}_p99_ms"]
    assert found["stages"].keys() >= {"wait", "prepare", "post", "fuse", "the rest"}
    assert any(line.startswith("fuse") for line in bench.err)
    ratio = found["node_added_p50_ms"] / found["bare_p50_ms"]
    assert abs(found["node_added_over_bare_p50"] - ratio) < 0.01
    assert (found["engine"], found["shape"], found["displays"]) == ("trivial", [512, 16], 1)
    for name in ("cpu", "cores", "system", "python", "torch", "numpy", "pyzmq", "libzmq"):
        assert found["environment"][name], name


@pytest.mark.long
def test_a_node_that_has_no_such_engine_ends_it_at_once_with_the_nodes_own_code(tmp_path: Path) -> None:
    file = write_press(tmp_path / "a.h5")
    with program("bench", "--file", str(file), "--engine", "tensorrt", "--seconds", "600") as bench:
        assert bench.end() == 5, bench.err
    assert "engine 'tensorrt' needs " in bench.err[-1]
    assert bench.out == []


@pytest.mark.long
def test_it_compares_with_a_recorded_run(tmp_path: Path) -> None:
    file = write_press(tmp_path / "a.h5")
    arguments = ("--file", str(file), "--engine", "trivial", "--rate", "40", "--seconds", "1", "--json")
    with program("bench", *arguments) as first:
        assert first.end() == 0, first.err
    recorded = json.loads(first.out[0])
    kept = tmp_path / "2026-11-28-test.json"
    lines = [recorded | {"rate": 20.0}, recorded | {"step_p50_ms": 2 * recorded["step_p50_ms"]}]
    kept.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (tmp_path / "strict.toml").write_text("[quality]\nmax_strain = 0.001\n[engine]\nthreads = 2\n")
    settings = ("--config", str(tmp_path / "strict.toml"))
    with program("bench", *arguments, *settings, "--against", str(kept)) as second:
        assert second.end() == 0, second.err
    found = json.loads(second.out[0])
    assert (found["results_with_values"], found["threads"]) == (0, 2)  # as its configuration has it
    step = found["against"]["figures"]["step_p50_ms"]
    assert step["before"] == pytest.approx(2 * recorded["step_p50_ms"])
    assert step["now"] == found["step_p50_ms"]
    assert step["ratio"] == pytest.approx(step["now"] / step["before"], abs=0.01)
    assert found["against"]["environment"] == {}  # the same machine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not json", "is not what `musse-stream bench --json` prints"),
        ('{"event": "bench"}', "figures are missing"),
        ("", "figures are missing"),
    ],
)
def test_a_file_that_is_no_recorded_run_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ToolError, match=expected):
        recorded_runs(path)


def test_other_settings_are_named() -> None:
    run = dict.fromkeys(SETTINGS, 1)
    with pytest.raises(ToolError, match="has no run with engine 2; it has: engine 1, rate 1"):
        matching_run([run], {"engine": 2}, Path("a.json"))


def test_recorded_benchmarks_can_be_compared_with() -> None:
    files = sorted((ROOT / "docs" / "benchmarks").glob("*.json"))
    assert files
    for file in files:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z0-9-]+\.json", file.name)
        for run in recorded_runs(file):
            figures = compare(run, run)["figures"]
            assert {row["ratio"] for row in figures.values()} == {1.0}


@pytest.mark.long
def test_a_signal_ends_it_and_everything_it_started(tmp_path: Path) -> None:
    file = write_press(tmp_path / "a.h5")
    with program("bench", "--file", str(file), "--engine", "trivial", "--seconds", "600") as bench:
        bench.wait_for("engine trivial ready")
        assert bench.end(signal.SIGINT) in (0, 8)  # 8: not one measured result had come
    assert not any("Traceback" in line for line in bench.err)
