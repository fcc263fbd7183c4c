"""Reading MATLAB's .mat up to version 7; names and units of its arrays stand in `tools.formats.arrays`."""

from pathlib import Path

from scipy.io import loadmat

from tools.errors import RecordingError
from tools.formats.arrays import contents_of
from tools.formats.contents import Contents, Layout
from tools.formats.damage import naming_damage


def read_mat(path: Path, layout: Layout) -> Contents:
    """The recording at `path`, all in memory.

    Raises RecordingError for a damaged file, for version 7.3 (HDF5 within), and where there is no RF.
    """
    with naming_damage(path, "MATLAB file"):
        with path.open("rb") as stream:
            first = stream.read(128)
        if first.startswith((b"MATLAB 7.3", b"\x89HDF")):
            raise RecordingError(f"{path} is a version 7.3 file: save it in MATLAB with save(..., '-v7')")
        variables = loadmat(str(path), simplify_cells=True)
    arrays = {name: value for name, value in variables.items() if not name.startswith("__")}
    return contents_of(path, arrays, layout)
