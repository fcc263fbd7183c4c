"""docs/formats.md lists the endings that are read, and the names that constants are looked for under."""

from tests.docs.docs_reading import DOCS, code, tables
from tools.convert import SUFFIXES
from tools.formats.names import ALIASES
from tools.formats.opening import READERS

TEXT = (DOCS / "formats.md").read_text(encoding="utf-8")


def test_every_ending_is_listed() -> None:
    (table,) = tables(TEXT)["Recordings"]
    endings = {ending for row in table for ending in code(row[1])}
    assert endings == set(READERS)
    written = {ending for row in table if row[3] not in {"no", "by `record`"} for ending in code(row[1])}
    assert set(SUFFIXES) <= written


def test_every_name_of_the_document_is_one_of_the_code() -> None:
    (table,) = tables(TEXT)["Names in NumPy, MATLAB and HDF5 files"]
    for row in table:
        (field, *_) = code(row[0]) or [""]
        if field:
            assert set(code(row[2])) <= set(ALIASES[field]), field
    assert {name for row in table for name in code(row[0])} == set(ALIASES) - {"clock"}
