"""Decision records can be found and read: numbered without holes, short, in three parts."""

import re
from pathlib import Path

import pytest

from tests.docs.docs_reading import DOCS

RECORDS = sorted((DOCS / "decisions").glob("*.md"))


def test_the_numbers_have_no_holes() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_number_and_three_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert 15 <= len(text.splitlines()) <= 30


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_code_that_a_record_names_by_its_path_exists(path: Path) -> None:
    for name in re.findall(r"`((?:streamer|engine|tools)/[\w/*.]+)`", path.read_text(encoding="utf-8")):
        assert list(DOCS.parent.glob(name)), name
