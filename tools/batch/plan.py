"""Which recordings a batch has, in which order, and where the results of each lie."""

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.errors import RecordingError, ToolError
from tools.formats.opening import READERS

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Task:
    """One recording of a batch."""

    path: Path
    output: Path
    """Its result file."""
    label: str
    """Its name in the table: the path within the archive, or a number."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index`, from 1, of `count` parts."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard that i/n stands for. Raises ToolError."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ToolError(f"--shard {text}: give i/n with i from 1 to n, such as 3/16")
        return cls(int(found[1]), int(found[2]))

    def of(self, tasks: Sequence[Task]) -> list[Task]:
        """Every n-th task, beginning with the i-th: shards are disjoint, and together they are all tasks."""
        return list(tasks[self.index - 1 :: self.count])


def plan(archives: Sequence[str], output: Path, *, names: bool = True) -> list[Task]:
    """One task per recording of the folders, globs and files `archives`, sorted by path.

    Result files take the recordings' paths within the archive, or, without `names`, their numbers in this
    order. Nothing in `output` is a recording. Raises RecordingError where there is none.
    """
    output = output.absolute()
    found: set[Path] = set()
    roots = []
    for archive in archives:
        root, paths = _matches(archive)
        roots.append(root)
        found.update(path for path in paths if _is_recording(path) and not path.is_relative_to(output))
    if not found:
        raise RecordingError(
            f"no recording in {', '.join(archives)}: give a folder, a quoted glob or files that end in "
            f"{', '.join(READERS)}"
        )
    try:
        root = Path(os.path.commonpath(roots))
    except ValueError:
        raise ToolError("the archives lie on different drives: run one batch for each") from None
    tasks = []
    for number, path in enumerate(sorted(found), 1):
        name = path.relative_to(root).as_posix() if names else f"{number:06d}"
        tasks.append(Task(path, output / f"{name}.h5", name))
    return tasks


def _matches(archive: str) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and all files, absolute."""
    path = Path(archive).absolute()
    if path.is_dir():
        return path, list(path.rglob("*"))
    if path.exists():
        return path.parent, [path]
    fixed = []
    for part in path.parts[:-1]:
        if _MAGIC.search(part):
            break
        fixed.append(part)
    return Path(*fixed), [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - absolute


def _is_recording(path: Path) -> bool:
    """Whether a file is one by its ending; the samples beside a .mhd or .nhdr end in .raw as well."""
    suffix = path.suffix.lower()
    if path.name.startswith(".") or suffix not in READERS or not path.is_file():
        return False
    return suffix != ".raw" or path.with_suffix(".yml").is_file()
