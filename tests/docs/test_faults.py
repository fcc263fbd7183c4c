"""The page of faults names tests that exist, and every reason that the node can give."""

import re

import pytest

from streamer.reasons import REFUSALS, REJECTIONS, RESTARTS
from tests.docs.docs_reading import DOCS, code, tables
from tests.root import ROOT

PAGE = (DOCS / "faults.md").read_text(encoding="utf-8")
ROWS = [row for parts in tables(PAGE).values() for table in parts for row in table]
TESTS = {
    (file.stem, name)
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}
NEEDS_NO_REASON = {"first"}  # the first frame is no fault


def mistakes(row: list[str]) -> list[str]:
    """What is wrong with a row of the page."""
    if len(row) != 6 or not all(row):
        return [f"{len(row)} cells, or an empty one"]
    *_, test, how = row
    if how.startswith("not here: "):
        return [] if test == "none" else ["a test of what cannot be tested"]
    found = [] if re.fullmatch(r"(real|injected)(: .+)?", how) else [f"how: {how}"]
    named = [tuple(text.split(": ")) for text in code(test)]
    return found + ([] if named and TESTS.issuperset(named) else [f"no test {test}"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_fault_names_a_test_that_exists(row: list[str]) -> None:
    assert mistakes(row) == []


def test_a_test_that_is_gone_is_noticed() -> None:
    good = ["fault", "reason", "seen", "lost", "`test_ring: two_threads_lose_no_frame_and_no_count`", "real"]
    assert mistakes(good) == []
    assert mistakes([*good[:4], "`test_ring: none_of_this_name`", "real"]) != []
    assert mistakes([*good[:5], "by thinking"]) != []
    assert mistakes(good[:5]) != []


def test_sixty_faults_are_made_or_injected_and_every_reason_has_one() -> None:
    assert sum(row[5].startswith(("real", "injected")) for row in ROWS) >= 60
    reasons = {*REFUSALS, *REJECTIONS, *RESTARTS} - NEEDS_NO_REASON
    assert {reason for reason in reasons if not re.search(rf"[`\"]{reason}[`\"]", PAGE)} == set()
