"""Reads tables and code of the documents, so that tests can compare them with the code."""

import re

from tests.root import ROOT

DOCS = ROOT / "docs"


def tables(text: str) -> dict[str, list[list[list[str]]]]:
    """The tables under each heading: rows of cells, without the header row."""
    found: dict[str, list[list[list[str]]]] = {}
    heading, open_table = "", False
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)  # a comment is no heading
    for line in outside.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        is_row = line.startswith("|")
        if is_row and not open_table:
            found.setdefault(heading, []).append([])
        elif is_row and not re.fullmatch(r"[|\s:-]+", line):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            found[heading][-1].append([cell.strip() for cell in cells])
        open_table = is_row
    return found


def code(cell: str) -> list[str]:
    """Everything between backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def python_blocks(text: str) -> list[str]:
    """The ```python blocks of a document, in order."""
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
