"""Rows of measurements as CSV and JSON."""

import csv
import io
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any


def to_csv(rows: Sequence[dict[str, Any]]) -> str:
    """CSV with a header line; a number that does not exist is an empty field."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_json(rows: Sequence[dict[str, Any]], settings: dict[str, Any]) -> str:
    """JSON with the program's version, the settings and all rows."""
    whole = {
        "program": f"musse-stream {version('musse-stream')}",
        "quantity": "relative axial strain, 1 = average of the region; ratio = mean of B / mean of A",
        "settings": settings,
        "rows": rows,
    }
    return json.dumps(whole, indent=1) + "\n"
