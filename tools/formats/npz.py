"""Reading NumPy's .npz; names and units of its arrays stand in `tools.formats.arrays`."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tools.errors import RecordingError
from tools.formats.arrays import contents_of
from tools.formats.contents import Contents, Layout


def read_npz(path: Path, layout: Layout) -> Contents:
    """The recording at `path`, all in memory. Pickled objects are refused, never loaded.

    Raises RecordingError for a file that is damaged, holds objects, or no RF.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RecordingError(f"{path} cannot be read as .npz of plain arrays: {error}") from error
    return contents_of(path, arrays, layout)
