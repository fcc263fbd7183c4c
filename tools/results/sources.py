"""The files that make one recording: a header and what it names, or what lies beside it."""

import re
from pathlib import Path
from typing import Final

_HEADER: Final = 2**24  # bytes of a text header that are read
_NUMBERED: Final = re.compile(r"(\S*%0?\d*d\S*)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)")


def files_of(source: Path) -> list[Path]:
    """`source` and every other file that its samples or constants come from, each as far as it is there.

    A detached MetaImage (.mhd) or NRRD (.nhdr) header names its data files; raw data of a Clarius scanner
    has a description (.yml) beside it.
    """
    suffix = source.suffix.lower()
    if suffix == ".mhd":
        named = _named(source, r"ElementDataFile\s*=\s*(.*)")
    elif suffix == ".nhdr":
        named = _named(source, r"data ?file:\s*(.*)")
    elif suffix in {".raw", ".lzo"}:
        stem = source.name.removesuffix(".lzo").removesuffix(".raw")
        named = [f"{stem}.yml"]
    else:
        named = []
    others = [source.parent / name for name in named]
    return [source, *(path for path in others if path.is_file() and path != source)]


def _named(source: Path, pattern: str) -> list[str]:
    """The data files that a text header names: one, a numbered series, or a list to its end."""
    try:
        with source.open("rb") as file:
            text = file.read(_HEADER).decode("utf-8-sig", errors="replace")
    except OSError:
        return []  # whoever reads the source reports it
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines):
        found = re.fullmatch(pattern, line, re.IGNORECASE)
        if found is None:
            continue
        value = found[1].strip()
        if value.upper().split(" ")[0] == "LIST":
            return [name for name in lines[number + 1 :] if name]
        if series := _NUMBERED.match(value):
            name, first, last, step = series[1], *(int(series[group]) for group in (2, 3, 4))
            return [name % index for index in range(first, last + (1 if step > 0 else -1), step or 1)]
        return [value]
    return []
