"""Decision records are numbered without gaps, short, dated, and in three parts."""

import re
from pathlib import Path

import pytest

from tests.docs.docs_reading import DOCS
from tests.style.check import header_mistakes

RECORDS = sorted((DOCS / "decisions").glob("*.md"))


def test_the_numbers_have_no_gaps() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_number_and_three_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert 18 <= len(text.splitlines()) <= 50


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_date_status_and_successor(path: Path) -> None:
    assert header_mistakes(path.read_text(encoding="utf-8"), len(RECORDS)) == []


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
    assert header_mistakes(f"# 1. Title\n\n{header}\n", len(RECORDS)) == expected


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_code_that_a_record_names_by_its_path_exists(path: Path) -> None:
    for name in re.findall(r"`((?:streamer|engine|tools)/[\w/*.]+)`", path.read_text(encoding="utf-8")):
        assert list(DOCS.parent.glob(name)), name
