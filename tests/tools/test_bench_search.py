"""The search for the highest rate, and where the time of a pair goes."""

from pathlib import Path
from typing import Any

import pytest

from tools.bench.highest import find_rate, sustained
from tools.bench.stages import OTHER, draw_stages, stage_lines, stage_times


def figures(rate: float, *, missed: int, lost: int = 0) -> dict[str, Any]:
    return {"rate": rate, "frames_sent": 1000, "frames_lost": lost, "measured_without_result": missed}


def test_a_rate_is_held_without_losses_and_with_half_a_percent_missed() -> None:
    assert sustained(figures(20, missed=5))
    assert not sustained(figures(20, missed=6))
    assert not sustained(figures(20, missed=0, lost=1))


@pytest.mark.parametrize("start", [12.0, 20.0, 24.9, 25.1, 31.0])
def test_the_search_ends_within_a_step_of_what_the_node_can_do(start: float) -> None:
    tried: list[float] = []

    def measure(rate: float) -> dict[str, Any]:
        tried.append(rate)
        return figures(rate, missed=0 if rate <= 25.0 else 100)

    if start == 12.0:  # too far away: the search is bounded, and states what it has shown
        found = find_rate(measure, start)
        assert len(tried) == 10
        assert found["highest_rate"] == tried[-1]
        return
    found = find_rate(measure, start)
    assert 25.0 / 1.06 < found["highest_rate"] <= 25.0
    assert [trial["sustained"] for trial in found["trials"]] == [rate <= 25.0 for rate in tried]
    assert found["rate"] == found["highest_rate"]


def test_a_node_that_holds_nothing_has_no_highest_rate() -> None:
    found = find_rate(lambda rate: figures(rate, missed=900), 20.0)
    assert found["highest_rate"] is None
    assert len(found["trials"]) == 10


def test_the_stages_add_up_to_the_time_from_frame_to_strain(tmp_path: Path) -> None:
    pairs = [{"wait": 0.001, "prepare": 0.006, "infer": 0.030, "post": 0.001, "fuse": 0.001}] * 9
    pairs.append({"wait": 0.011, "prepare": 0.006, "infer": 0.080, "post": 0.001, "fuse": 0.001})
    found = stage_times(pairs, [0.040] * 9 + [0.100])
    assert found["infer"]["p50_ms"] == pytest.approx(30.0)
    assert found["infer"]["p99_ms"] > 70.0
    assert "upload" not in found  # no engine on the CPU has it
    assert sum(row["share"] for row in found.values()) == pytest.approx(1.0, abs=0.005)
    assert found[OTHER]["p50_ms"] == pytest.approx(1.0)
    lines = stage_lines(found)
    assert len(lines) == 1 + len(found)
    assert "76%" in next(line for line in lines if line.startswith("infer"))
    about = {"engine": "onnx", "device": "cpu", "shape": [2000, 128], "dtype": "int16", "rate": 20.0}
    draw_stages({**about, "stages": found, "environment": {"cpu": "X"}}, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
