"""The metrics document, the alerts and the dashboard name only metrics, labels and values that exist."""

import json
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from streamer.frame_counters import FrameCounters
from streamer.metrics import Metrics
from tests.docs.docs_reading import DOCS, code, tables
from tests.root import ROOT

ALERTS = (ROOT / "configs" / "alerts.yml").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "configs" / "dashboard.json").read_text(encoding="utf-8"))
# what PromQL and Prometheus' scraping bring along
WORDS = {
    "absent",
    "or",
    "up",
    "by",
    "histogram_quantile",
    "increase",
    "label_values",
    "rate",
    "sum",
    "time",
    "without",
}
ALWAYS = {"instance", "job"}
OPEN = {"version", "engine", "precision", "device", "le", "instance"}  # labels whose values are not listed


def _registry() -> CollectorRegistry:
    metrics = Metrics(FrameCounters(), "1.0")
    metrics.stage("infer", 0.01)
    metrics.engine("trivial", "float32", "cpu")
    metrics.health("LIVE")
    return metrics.registry


def _labels() -> dict[str, dict[str, set[str]]]:
    """Per exposed name its labels, and the values each may have."""
    found: dict[str, dict[str, set[str]]] = {}
    for metric in _registry().collect():
        for sample in metric.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


KNOWN = _labels()


def mistakes(expression: str) -> list[str]:
    """What a PromQL expression names that this node does not expose."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", "", expression)
    names = set(re.findall(r"[a-zA-Z_]\w*", bare)) - WORDS
    labels_of = {label for name in names & KNOWN.keys() for label in KNOWN[name]} | ALWAYS
    found = [f"no metric {name}" for name in sorted(names - KNOWN.keys() - labels_of)]
    for name, body in re.findall(r"(\w+)\{([^}]*)\}", expression):
        for label, value in re.findall(r"(\w+)\s*=~?\s*\"([^\"]*)\"", body):
            allowed = KNOWN.get(name, {}).get(label)
            if allowed is None and label not in ALWAYS:
                found.append(f"{name} has no label {label}")
            elif allowed is not None and label not in OPEN and value not in allowed:
                found.append(f"{name}: {label} is never {value}")
    return found


def alert_expressions(text: str) -> dict[str, str]:
    """Every alert and its expression, which stands on one line."""
    return dict(re.findall(r"^ +- alert: (\w+)\n +expr: (.+)$", text, re.MULTILINE))


def test_every_alert_names_what_exists() -> None:
    expressions = alert_expressions(ALERTS)
    assert len(expressions) == ALERTS.count("- alert:") == ALERTS.count("expr:") >= 5
    assert {name: found for name, text in expressions.items() if (found := mistakes(text))} == {}


def test_every_alert_has_a_severity_and_a_description() -> None:
    for rule in ALERTS.split("- alert:")[1:]:
        assert re.search(r"labels: \{severity: (critical|warning)\}", rule)
        assert re.search(r'summary: "[A-Z].+\."', rule)


def test_the_alerts_cover_every_fault_an_operator_must_know_of() -> None:
    together = " ".join(alert_expressions(ALERTS).values())
    for name in ("frames_lost_total", "frames_refused_total", 'state="STALE"', 'state="FAULT"', "to_strain"):
        assert name in together


def test_the_dashboard_names_what_exists() -> None:
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    expressions += [v["query"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
    assert len(expressions) > 10
    assert {text: found for text in expressions if (found := mistakes(text))} == {}


def test_the_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy)
        for p in panels
        for dx in range(p["gridPos"]["w"])
        for dy in range(p["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24  # a dashboard is 24 units wide


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(musse_frames_dropped_total[1m]) > 0", ["no metric musse_frames_dropped_total"]),
        ("rate(musse_frames_lost[1m]) > 0", ["no metric musse_frames_lost"]),
        ('musse_health{state="BROKEN"} == 1', ["musse_health: state is never BROKEN"]),
        ('musse_health{session="7"} == 1', ["musse_health has no label session"]),
        ('musse_health{state="FAULT", instance=~"$instance"} == 1', []),
    ],
)
def test_the_check_notices_what_does_not_exist(expression: str, expected: list[str]) -> None:
    assert mistakes(expression) == expected


def test_the_document_lists_every_metric_with_its_type_and_labels() -> None:
    exposed = {}
    for metric in _registry().collect():
        name = metric.name + ("_total" if metric.type == "counter" else "")
        labels = {label for sample in metric.samples for label in sample.labels} - {"le"}
        exposed[name] = (metric.type, labels)
    table = tables((DOCS / "metrics.md").read_text(encoding="utf-8"))["Metrics"][0]
    assert {code(row[0])[0]: (row[1], set(code(row[2]))) for row in table} == exposed


def test_the_document_names_every_stage_that_the_code_times() -> None:
    sources = [path for folder in ("engine", "streamer") for path in (ROOT / folder).rglob("*.py")]
    pattern = r"watch\(\"(\w+)\"\)|\.seconds\[\"(\w+)\"\]|\.stage\(\"(\w+)\""
    found = {
        name
        for path in sources
        for names in re.findall(pattern, path.read_text(encoding="utf-8"))
        for name in names
        if name
    }
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    stages = text[text.index("Stages:") :].split("The first frame")[0]
    assert set(code(stages)) == found
