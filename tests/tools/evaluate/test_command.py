"""`musse-stream evaluate` from its options to its files."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from tools.commands.evaluate import evaluate
from tools.errors import ToolError
from tools.evaluate.command import Request, evaluate_here


def _request(folder: Path, **changes: object) -> Request:
    fields = {
        "engines": ("reference",),
        "suite": "quick",
        "groups": ("clutter", "strain-filter"),
        "output": folder,
        "resume": False,
        "threads": 1,
        "limit": 0,
        "report": True,
    }
    return Request(**(fields | changes))  # type: ignore[arg-type]  # a test names only what differs


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.headings.append(data)


def test_it_writes_figures_and_a_page_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    evaluate_here(_request(tmp_path), Console(stderr=True), as_json=True)
    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "evaluate"
    written = json.loads((tmp_path / "figures.json").read_text())
    assert {entry["group"] for entry in written["groups"]} == {"clutter", "strain-filter"}
    assert written["environment"]["numpy"]
    assert all({"group", "figure", "value", "met"} <= set(bar) for bar in written["bars"])
    page = _Tags()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(page.sources) >= 4
    assert all(source.startswith("data:image/") for source in page.sources)  # nothing from anywhere else
    assert any("bars missed" in text or "bars met" in text for text in page.headings)
    with pytest.raises(ToolError, match="--resume"):
        evaluate_here(_request(tmp_path), Console(stderr=True), as_json=True)


def test_the_command_passes_its_options_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(engine=["trivial"], group=["still"], output=tmp_path, report=False, json=True)
    assert json.loads(capsys.readouterr().out)["engines"] == ["trivial"]
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(ToolError, match="no group"):
        evaluate(group=["nothing"], output=tmp_path / "other", report=False)
