"""Decision records are numbered without gaps, short, dated, and in three parts."""

import re
from datetime import date
from pathlib import Path

import pytest

from tests.docs.docs_reading import DOCS

RECORDS = sorted((DOCS / "decisions").glob("*.md"))


def test_the_numbers_have_no_gaps() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_number_and_three_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert 18 <= len(text.splitlines()) <= 50


def header_mistakes(text: str) -> list[str]:
    """What is wrong with the lines `Date`, `Status` and `Superseded by` below the title."""
    lines = [*text.splitlines(), *[""] * 6]
    found = [f"line 2 is not empty: {lines[1]}"] if lines[1] else []
    for line, name in zip(lines[2:5], ("Date", "Status", "Superseded by"), strict=True):
        found += [] if line.startswith(f"{name}: ") else [f"no {name}: {line}"]
    try:
        date.fromisoformat(lines[2].removeprefix("Date: "))
    except ValueError:
        found.append(f"not a date: {lines[2]}")
    if not re.match(r"Status: (accepted|superseded)", lines[3]):
        found.append(f"neither accepted nor superseded: {lines[3]}")
    numbers = re.findall(r"\d+", lines[4])
    if lines[4] != "Superseded by: -" and not numbers:
        found.append(f"no number of a record: {lines[4]}")
    return found + [f"no record {n}" for n in numbers if int(n) > len(RECORDS)]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_date_status_and_successor(path: Path) -> None:
    assert header_mistakes(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Date: 2026-11-23\nStatus: accepted\nSuperseded by: 1", []),
        ("Date: soon\nStatus: accepted\nSuperseded by: -", ["not a date: Date: soon"]),
        (
            "Date: 2026-11-23\nStatus: maybe\nSuperseded by: -",
            ["neither accepted nor superseded: Status: maybe"],
        ),
        ("Date: 2026-11-23\nStatus: accepted\nSuperseded by: 999", ["no record 999"]),
    ],
)
def test_the_check_finds_a_wrong_header(header: str, expected: list[str]) -> None:
    assert header_mistakes(f"# 1. Title\n\n{header}\n") == expected


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_code_that_a_record_names_by_its_path_exists(path: Path) -> None:
    for name in re.findall(r"`((?:streamer|engine|tools)/[\w/*.]+)`", path.read_text(encoding="utf-8")):
        assert list(DOCS.parent.glob(name)), name
