"""One folder per compiled engine: written aside and renamed, read only where nothing in it was changed.

manifest.json    key, facts, status, bindings, SHA-256 of each other file
engine.bin       the engine as TensorRT serialises it
parity.json      how its results compare, or null
benchmark.json   how long a frame takes, or null
"""

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

from engine.errors import EngineUnavailable
from engine.musse.artefact.facts import key_of
from engine.musse.manifest import digest

FORMAT: Final = "musse-engine"
FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
ENGINE: Final = "engine.bin"
PARITY: Final = "parity.json"
BENCHMARK: Final = "benchmark.json"
SEAL: Final = "manifest_sha256"

Status: TypeAlias = Literal["verified", "unverified", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A compiled engine and everything known about it."""

    key: str
    """Of `facts`: `engine.musse.artefact.key`."""
    facts: Mapping[str, Any]
    status: Status
    """verified: parity was shown on the card of `facts`; unverified: not run; refused: it failed there."""
    inputs: Mapping[str, int]
    """Input binding -> index of the program's input."""
    outputs: tuple[str, ...]
    """Output bindings in the program's order."""
    subject: Mapping[str, Any]
    """What to compile it of again: acquisition, carrier, policy, weights."""
    reason: str = ""
    """Why it was refused."""


def folder_of(store: Path, key: str) -> Path:
    """Where the engine with this key lies."""
    return store / key[:24]


def write(store: Path, artefact: Artefact, engine: bytes, parity: Any = None, benchmark: Any = None) -> Path:
    """Write an engine's folder under another name and rename it; an older one with this key is replaced.

    Raises OSError.
    """
    final = folder_of(store, artefact.key)
    part = store / f"{final.name}.{uuid4().hex[:8]}.part"
    part.mkdir(parents=True)
    try:
        (part / ENGINE).write_bytes(engine)
        (part / PARITY).write_text(json.dumps(parity, indent=2) + "\n", encoding="utf-8")
        (part / BENCHMARK).write_text(json.dumps(benchmark, indent=2) + "\n", encoding="utf-8")
        files = {name: digest(part / name) for name in (ENGINE, PARITY, BENCHMARK)}
        text = {**asdict(artefact), "files": files}
        text = {"format": FORMAT, "format_version": FORMAT_VERSION, **text, SEAL: key_of(text)}
        (part / MANIFEST).write_text(json.dumps(text, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        _put(part, final)
    except BaseException:
        remove(part)
        raise
    return final


def read(folder: Path) -> Artefact:
    """The engine of a folder. Raises EngineUnavailable where it is cut, changed or of another version.

    The manifest has a digest of its own, and its key must be that of its facts.
    """
    try:
        raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT or raw.pop("format_version") != FORMAT_VERSION:
            raise EngineUnavailable(f"compiled engine {folder.name} is of another version")
        if raw.pop(SEAL) != key_of(raw):
            raise EngineUnavailable(f"compiled engine {folder.name} was changed: {MANIFEST}")
        files = raw.pop("files")
        artefact = Artefact(**{**raw, "outputs": tuple(raw["outputs"])})
        if set(files) != {ENGINE, PARITY, BENCHMARK}:
            raise EngineUnavailable(f"compiled engine {folder.name} names other files than an engine has")
        changed = [name for name, sha256 in files.items() if digest(folder / name) != sha256]
        unknown = sorted({path.name for path in folder.iterdir()} - {*files, MANIFEST})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineUnavailable(
            f"compiled engine {folder.name} cannot be read ({type(error).__name__})"
        ) from error
    if changed or unknown:
        raise EngineUnavailable(
            f"compiled engine {folder.name} was changed: {', '.join([*changed, *unknown])}"
        )
    if key_of(artefact.facts) != artefact.key or folder.name != artefact.key[:24]:
        raise EngineUnavailable(f"compiled engine {folder.name} was not built for what its name states")
    return artefact


def content(folder: Path, name: str) -> Any:
    """Parity or benchmark of an engine's folder; None where it was not measured."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


def folders(store: Path) -> Iterator[Path]:
    """Every complete folder of a store."""
    if store.is_dir():
        yield from sorted(path for path in store.iterdir() if path.is_dir() and path.suffix != ".part")


def remove(folder: Path) -> None:
    """Delete an engine's folder, if there is one. Nobody sees half of it, and another may delete it too."""
    gone = folder.with_name(f"{folder.name}.{uuid4().hex[:8]}.part")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone)


def _put(part: Path, final: Path) -> None:
    """Give a complete folder its name, also where another build of the same engine does so just now."""
    while True:
        remove(final)
        try:
            part.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
