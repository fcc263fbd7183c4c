"""HDF5 can take samples from other files; a recording is one file."""

from pathlib import Path
from typing import Any

import h5py

from tools.errors import RecordingError


def lies_elsewhere(group: Any, item: Any) -> bool:
    """Whether a member of `group` has its data in another file; None, a link to nowhere, has none.

    A recording of somebody else could otherwise show any file of this computer as samples.
    """
    if item is None:
        return False
    is_foreign = isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)
    return bool(is_foreign) or item.file.filename != group.file.filename


def refuse_other_files(path: Path, group: Any) -> None:
    """Raise RecordingError where anything below `group` lies in another file."""
    waiting = [group]
    seen: set[Any] = set()
    while waiting:
        at = waiting.pop()
        if at.id in seen:
            continue  # hard links may form a circle
        seen.add(at.id)
        for name in at:
            item = at.get(name)
            if lies_elsewhere(at, item):
                raise RecordingError(f"{path} takes {name!r} from another file: write it as one file")
            if isinstance(item, h5py.Group):
                waiting.append(item)
