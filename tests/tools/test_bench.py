"""`musse-stream bench` ends in one JSON line whose figures belong together."""

import json
import signal
from pathlib import Path

from tests.tools.programs import program, write_press

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
    ratio = found["node_added_p50_ms"] / found["bare_p50_ms"]
    assert abs(found["node_added_over_bare_p50"] - ratio) < 0.01
    assert (found["engine"], found["shape"], found["displays"]) == ("trivial", [512, 16], 1)
    for name in ("cpu", "cores", "system", "python", "torch", "numpy", "pyzmq", "libzmq"):
        assert found["environment"][name], name


def test_a_signal_ends_it_and_everything_it_started(tmp_path: Path) -> None:
    file = write_press(tmp_path / "a.h5")
    with program("bench", "--file", str(file), "--engine", "trivial", "--seconds", "600") as bench:
        bench.wait_for("engine trivial ready")
        assert bench.end(signal.SIGINT) in (0, 8)  # 8: not one measured result had come
    assert not any("Traceback" in line for line in bench.err)
