"""Last lines of commands: sentences for people, the whole of it as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.errors import ToolError
from tools.output import emit, node_line, write_text

SUMMARY: dict[str, Any] = {
    "received": 640, "lost": 3, "refused": {"duplicate": 2}, "overwritten": 8, "published_valid": 600,
    "rejected": {"no_motion": 29, "first": 1}, "latency_p50": 0.0492, "latency_p99": 0.0851,
}  # fmt: skip


def test_the_last_line_of_a_node_counts_every_frame_and_names_reasons_and_units() -> None:
    assert node_line(SUMMARY) == (
        "summary: 640 frames received, 3 lost, 2 refused, 8 overwritten; 600 pairs with values, 30 rejected "
        "(duplicate 2, no motion 29, first 1); latency 49.2 ms, at most 85.1 ms for 99 %"
    )
    nothing = {**SUMMARY, "refused": {}, "rejected": {}, "latency_p50": None, "latency_p99": None}
    assert node_line(nothing).endswith("600 pairs with values, 0 rejected")


def test_a_file_that_another_program_writes_just_now_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "node.toml"
    path.write_text("precious")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", lambda path: False)  # it was not there yet
        with pytest.raises(ToolError, match=r"could not be named node\.toml: another program has made"):
            write_text(path, "text", overwrite=False)
    assert path.read_text() == "precious"
    write_text(path, "text", overwrite=True)
    assert path.read_text() == "text"


def test_an_event_is_a_line_for_people_or_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {"rf_frames": 12, "refused": {}, "ended": None}
    emit("summary", fields, as_json=False)
    emit("summary", fields, as_json=False, text="done")
    emit("summary", fields, as_json=True, text="done")
    plain, text, whole = capsys.readouterr().out.splitlines()
    assert plain == "summary: rf frames 12, refused none, ended none"
    assert text == "done"
    assert json.loads(whole) == {"event": "summary", **fields}
