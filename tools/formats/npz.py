"""Reading NumPy's .npz; names and units of its arrays stand in `tools.formats.arrays`."""

from pathlib import Path

import numpy as np

from tools.formats.arrays import contents_of
from tools.formats.contents import Contents, Layout
from tools.formats.damage import naming_damage


def read_npz(path: Path, layout: Layout) -> Contents:
    """The recording at `path`, all in memory. Pickled objects are refused, never loaded.

    Raises RecordingError for a file that is damaged, holds objects, or no RF.
    """
    with naming_damage(path, ".npz of plain arrays"), np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return contents_of(path, arrays, layout)
