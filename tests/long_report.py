"""python -m tests.long_report REPORT.json : what `make test-long` found, as one JSON file.

From the JUnit files and the coverage that it leaves in build/: how each group of tests ended, machine and
versions; by name every long test, and of the others those that did not pass.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from tests.root import ROOT
from tools.machine import machine

BUILD: Final = ROOT / "build"
GROUPS: Final = ("long", "together", "alone")
PACKAGES: Final = ("torch", "onnxruntime", "numpy", "pyzmq")


def report(folder: Path = BUILD) -> dict[str, Any]:
    """The whole report; a group that did not run is missing."""
    found: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip(),  # noqa: S607
        "machine": machine(PACKAGES),
        "load_average": os.getloadavg(),
    }
    for group in GROUPS:
        if (path := folder / f"{group}.xml").is_file():
            tests = tests_of(path)
            named = tests if group == "long" else [test for test in tests if test["outcome"] != "passed"]
            found[group] = {
                "outcomes": Counter(test["outcome"] for test in tests),
                "seconds": round(sum(test["seconds"] for test in tests), 1),
                "tests": named,
            }
    if (path := folder / "coverage.json").is_file():
        found["coverage_percent"] = round(json.loads(path.read_text())["totals"]["percent_covered"], 1)
    return found


def tests_of(path: Path) -> list[dict[str, Any]]:
    """Name, outcome and seconds of each test of a JUnit file, which is pytest's own."""
    return [
        {
            "test": f"{case.get('classname')}.{case.get('name')}",
            "outcome": next(
                (part.tag for part in case if part.tag in {"failure", "error", "skipped"}), "passed"
            ),
            "seconds": round(float(case.get("time", 0.0)), 1),
        }
        for case in ElementTree.parse(path).iter("testcase")  # noqa: S314 - written by pytest a moment ago
    ]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(report(), indent=1) + "\n")
