"""Findings about the current engines and weights, read from docs/evaluation/findings.toml.

They expire with the weights, so they are data of the repository. An installed package does not contain that
file; its reports show the figures without findings.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parents[3] / "docs" / "evaluation" / "findings.toml"


def finding(name: str) -> str:
    """The conclusion of one table or study, such as `pairing`; empty if there is none."""
    return str(_read().get(name, ""))


def explained(method: str, group: str, figure: str) -> str:
    """Why a criterion is missed: the most specific entry; empty if there is none."""
    engine = method.partition("/")[0]
    keys = ((engine, group, figure), (engine, "", figure), (engine, group, ""), (engine, "", ""))
    reasons = reasons_missed(_read())
    return next((reasons[key] for key in keys if key in reasons), "")


def reasons_missed(findings: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    """The reason by (engine, group, figure); an empty group or figure stands for every one."""
    return {
        (entry["engine"], group, figure): entry["why"]
        for entry in findings.get("missed", ())
        for group, figure in product(entry.get("groups", [""]), entry.get("figures", [""]))
    }


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
