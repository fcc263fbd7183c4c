"""The part of our style that a machine can check: words, line length of documents, heads of decision records.

    python -m tests.style.check

prints every mistake as `path:line: what` and exits with 1 if there is one; words.toml has the words.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.root import ROOT

FOLDERS: Final = ("streamer", "engine", "tools", "configs", "tests", "docs", ".github", ".ci")
ENDINGS: Final = {".py", ".md", ".toml", ".yml", ".yaml", ".json"}
MAX_LENGTH: Final = 110  # of a line of a document; code has ruff for that
Named: TypeAlias = ast.Name | ast.arg | ast.Attribute | ast.keyword
WORDS: Final = Path(__file__).parent / "words.toml"


@dataclass(frozen=True, slots=True)
class Rules:
    """What words.toml holds."""

    words: tuple[tuple[re.Pattern[str], str], ...]
    """(pattern, what to write instead)."""
    identifiers: frozenset[str]
    unnamed: tuple[str, ...]
    """Beginnings of paths where these names mean something else."""
    exceptions: tuple[tuple[str, str], ...]
    """(path, text): a line of that file with this text may have the word."""
    skipped: tuple[str, ...]
    """Paths, or beginnings of paths, that are not checked."""


def read_rules(path: Path = WORDS) -> Rules:
    """The rules of a file like words.toml."""
    found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return Rules(
        tuple((re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in found["words"].items()),
        frozenset(found["identifiers"]["names"]),
        tuple(found["identifiers"]["folders_without"]),
        tuple((line.partition(": ")[0], line.partition(": ")[2]) for line in found["exceptions"]["lines"]),
        tuple(found["skipped"]["paths"]),
    )


def files(root: Path, rules: Rules) -> Iterator[Path]:
    """Every text file that is checked, in order."""
    inside = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    for path in sorted([*inside, *(path for path in root.iterdir() if path.is_file())]):
        name = path.relative_to(root).as_posix()
        if path.suffix in ENDINGS and not name.startswith(rules.skipped):
            yield path


def word_mistakes(name: str, text: str, rules: Rules) -> list[tuple[int, str]]:
    """(line, what) for each refused word, and each refused name of a variable, parameter or attribute."""
    lines = text.splitlines()
    found = [
        (number, f"{match[0]!r}: {instead}")
        for number, line in enumerate(lines, 1)
        for pattern, instead in rules.words
        if (match := pattern.search(line))
    ]
    if name.endswith(".py") and not name.startswith(rules.unnamed):
        found += [
            (node.lineno, f"{used!r} as a name: valid, or what it means")
            for node in ast.walk(ast.parse(text))
            if isinstance(node, Named) and (used := _name(node)) in rules.identifiers
        ]
    allowed = [fragment for path, fragment in rules.exceptions if path == name]
    return sorted({mistake for mistake in found if not any(a in lines[mistake[0] - 1] for a in allowed)})


def _name(node: Named) -> str:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
            return name.lstrip("_")
        case ast.keyword(arg=str(name)):
            return name
    return ""


def length_mistakes(text: str) -> list[tuple[int, str]]:
    """(line, what) for each line of a document that is too long; tables, code and single links may be."""
    found, code = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            code = not code
        if len(line) > MAX_LENGTH and not code and not line.startswith(("|", "    ", "![")):
            found.append((number, f"{len(line)} characters, at most {MAX_LENGTH}"))
    return found


def header_mistakes(text: str, records: int) -> list[str]:
    """What is wrong with the lines Date, Status and Superseded by below the title of a decision record."""
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
    return found + [f"no record {n}" for n in numbers if int(n) > records]


def stale_exceptions(root: Path, rules: Rules) -> list[str]:
    """Exceptions that excuse nothing any more."""
    return [
        f"{path}: {text}"
        for path, text in rules.exceptions
        if not (root / path).is_file() or text not in (root / path).read_text(encoding="utf-8")
    ]


def mistakes(root: Path, rules: Rules) -> list[str]:
    """Every mistake in the tree, as `path:line: what`."""
    found = []
    for path in files(root, rules):
        name, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        here = word_mistakes(name, text, rules)
        if path.suffix == ".md":
            here += length_mistakes(text)
        found += [f"{name}:{line}: {what}" for line, what in sorted(here)]
    records = sorted((root / "docs" / "decisions").glob("*.md"))
    found += [
        f"{path.relative_to(root).as_posix()}:3: {what}"
        for path in records
        for what in header_mistakes(path.read_text(encoding="utf-8"), len(records))
    ]
    return found + [
        f"tests/style/words.toml: stale exception {line}" for line in stale_exceptions(root, rules)
    ]


def main() -> int:
    """Print every mistake; 1 if there is one."""
    found = mistakes(ROOT, read_rules())
    sys.stdout.writelines(f"{line}\n" for line in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
