"""The records of a run: one JSON line per case and method, appended as soon as it is computed.

The key of a line covers everything that its figures depend on: case, seed, method, weights, and a digest of
the code and library versions. A run that finds the key among its records skips the computation.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tools.errors import ToolError
from tools.machine import machine, version_of
from tools.part import adding

LINES = "cases.jsonl"
SOURCES = ("engine", "streamer", "tools/evaluate")


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """The figures of one case for one method."""

    key: str
    group: str
    case: str
    method: str
    seed: int
    parameters: Mapping[str, float | str]
    figures: Mapping[str, float | None]
    """None: undefined, such as NRMSE of uniform strain; infinity is written as a string."""
    sums: Mapping[str, Any]
    seconds: float
    """Of one call of the estimator, wall clock; 0 for controls."""


def record_key(group: str, case: str, seed: int, method: str, weights: str | None) -> str:
    """32 hexadecimal digits; `weights` is the hash of the weights, None without any."""
    text = json.dumps([group, case, seed, method, code_digest(), weights])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def code_digest() -> str:
    """Digest of every source file that figures depend on and of the versions of the numerical libraries."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*.py")):
            if "report" not in path.parts:
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    for name in ("numpy", "scipy", "torch", "opencv-python"):
        digest.update(f"{name} {version_of(name)}".encode())
    return digest.hexdigest()[:16]


def environment() -> dict[str, Any]:
    """The machine, the versions, and the digest of the code."""
    names = ("musse-stream", "numpy", "scipy", "torch", "opencv-python", "scikit-fem")
    return {**machine(names), "code": code_digest()}


def _plain(value: Any) -> Any:
    """Values for JSON: NaN becomes null, infinity a string."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def append(folder: Path, record: Record) -> None:
    """Add one line; the first one creates the file."""
    folder.mkdir(parents=True, exist_ok=True)
    with adding(folder / LINES), (folder / LINES).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(_plain(asdict(record)), allow_nan=False) + "\n")


def load(folder: Path) -> dict[str, Record]:
    """Every record of a folder by key; an incomplete last line of an interrupted run is ignored.

    Raises ToolError for any other line that is not an evaluation record.
    """
    path = folder / LINES
    found: dict[str, Record] = {}
    if not path.exists():
        return found
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            raw = json.loads(line)
            raw["figures"] = {name: _number(value) for name, value in raw["figures"].items()}
            record = Record(**raw)
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):  # no newline after it: the run was ended while writing
                continue
            raise ToolError(
                f"{path}, line {number} is not an evaluation record; move the file away"
            ) from error
        found[record.key] = record
    return found


def mend(folder: Path) -> None:
    """Remove an incomplete last line, so that the next record starts on a line of its own."""
    path = folder / LINES
    if path.exists():
        text = path.read_bytes()
        path.write_bytes(text[: text.rfind(b"\n") + 1])


def _number(value: object) -> float | None:
    if value is None:
        return None
    return float(value) if isinstance(value, (int, float, str)) else float("nan")
