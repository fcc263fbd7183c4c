"""`musse-stream evaluate` from its options to its files."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from tools.commands.evaluate import evaluate
from tools.errors import ToolError
from tools.evaluate.command import _has_criteria, run_evaluation
from tools.evaluate.figures.sequences import PAIRINGS
from tools.evaluate.outcome import EvaluationRequest
from tools.evaluate.report.findings import explained
from tools.evaluate.report.pairing import pairing_table
from tools.evaluate.summary import Row


def _request(folder: Path, **changes: object) -> EvaluationRequest:
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
    return EvaluationRequest(**(fields | changes))  # type: ignore[arg-type]  # tests give only the fields that differ


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.headings.append(data)


def test_it_writes_figures_and_a_self_contained_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    summary = tmp_path / "docs" / "README.md"
    summary.parent.mkdir()
    (summary.parent / "rejection.md").write_text("# Thresholds\n\nText.\n\n## Pairs\n\n| a |\n")
    run_evaluation(_request(tmp_path, summary=summary), Console(stderr=True), as_json=True)
    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "evaluate"
    written = json.loads((tmp_path / "figures.json").read_text())
    assert {entry["group"] for entry in written["groups"]} == {"clutter", "strain-filter"}
    assert written["environment"]["numpy"]
    assert all({"group", "figure", "value", "met"} <= set(entry) for entry in written["criteria"])
    page = _Tags()
    page.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(page.sources) >= 4
    assert all(source.startswith("data:image/") for source in page.sources)  # nothing is loaded
    assert any("criteria missed" in text or "criteria met" in text for text in page.headings)
    text = summary.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert headings[1].startswith("Weaknesses: ")  # before anything else
    assert headings[2:] == ["Groups", "Tables that decide", "Thresholds", "Pairs", "Measured with"]
    assert f"| numpy | {written['environment']['numpy']} |" in text
    missed = [entry for entry in written["criteria"] if not entry["met"]]
    assert all(f"| {entry['group']} | reference | {entry['title']} |" in text for entry in missed)
    with pytest.raises(ToolError, match="--resume"):
        run_evaluation(_request(tmp_path), Console(stderr=True), as_json=True)


def test_the_report_names_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.evaluate.methods.model_hash", lambda name, weights: "0123456789abcdef")
    summary = tmp_path / "README.md"
    request = _request(tmp_path, engines=("trivial", "ncc"), groups=("still",), report=False, summary=summary)
    outcome = run_evaluation(request, Console(stderr=True), as_json=True)
    assert "| weights of trivial | 0123456789ab |" in summary.read_text(encoding="utf-8")
    assert "weights of ncc" not in outcome.environment


def test_every_pairing_mode_is_shown_and_only_the_default_has_criteria() -> None:
    figures = {"firm_fused_worst": 0.5, "firm_fused_mean": 0.3}
    rows = [Row(group="cycles", method=f"reference/{mode}", cases=1, figures=figures) for mode in PAIRINGS]
    table = pairing_table(rows)
    assert table is not None
    assert [line[0] for line in table.lines] == [f"reference, {mode}" for mode in PAIRINGS]
    assert table.lines[0][1:3] == ("0.30", "0.50")
    assert pairing_table(rows[:-1]) is None  # no table unless all modes were run
    assert _has_criteria("reference/sequential")
    assert not _has_criteria("reference/stride 3")
    assert not _has_criteria("zero")


def test_a_missed_criterion_is_explained_by_the_most_specific_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    missed = [
        {"engine": "a", "why": "engine"},
        {"engine": "a", "figures": ["f"], "why": "figure"},
        {"engine": "a", "groups": ["g"], "figures": ["f"], "why": "both"},
    ]
    monkeypatch.setattr("tools.evaluate.report.findings._read", lambda: {"missed": missed})
    assert [explained("a/sequential", *rest) for rest in (("g", "f"), ("h", "f"), ("h", "x"))] == [
        "both",
        "figure",
        "engine",
    ]
    assert explained("b", "g", "f") == ""


def test_every_missed_contrast_recovery_has_its_own_reason() -> None:
    general = explained("musse", "any other", "contrast_recovery")
    groups = ("noise", "decorrelation", "small", "frequency", "point-spread", "slip", "gratings")
    assert all(explained("musse", group, "contrast_recovery") not in ("", general) for group in groups)


def test_the_command_passes_its_options_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(engine=["trivial"], group=["still"], output=tmp_path, report=False, json=True)
    assert json.loads(capsys.readouterr().out)["engines"] == ["trivial"]
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(ToolError, match="no group"):
        evaluate(group=["nothing"], output=tmp_path / "other", report=False)
