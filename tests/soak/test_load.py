"""Frames of 0.5 MB at 50 Hz with tape and page on, while one of three viewers is stopped: none is lost."""

from pathlib import Path

import pytest

from tests.soak.load import steady


@pytest.mark.alone
def test_no_frame_is_lost_or_unaccounted_for_while_a_viewer_is_stopped(tmp_path: Path) -> None:
    report = steady(15.0, tmp_path)
    counts = ("lost on the link", "refused", "unaccounted", "missed by the tape")
    assert {name: report[name] for name in counts} == dict.fromkeys(counts, 0), report
    assert report["received"] == report["sent"]
    assert report["results at the viewers"] == [report["results published"]] * 2
