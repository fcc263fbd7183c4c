"""An HDF5 file in the making: under a name of its own until it is complete, and gone if it never is."""

from contextlib import suppress
from pathlib import Path

import h5py


class PartFile:
    """PATH.part, which takes the name PATH when kept. One thread.

    Opened by `open` inside the `__enter__` of whoever writes it: a Ctrl-C may come while HDF5 creates the
    file, and a `with` that was never entered cleans nothing up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.with_name(path.name + ".part")
        self._file: h5py.File | None = None

    def open(self) -> h5py.File:
        """The new, empty file. Raises OSError."""
        try:
            self._file = h5py.File(self.name, "w")
        except BaseException:
            self.name.unlink(missing_ok=True)
            raise
        return self._file

    def keep(self) -> None:
        """Close it and give it its real name. Raises OSError."""
        self._close()
        self.name.replace(self._path)

    def drop(self) -> None:
        """Close and delete it; what stood under the real name before is untouched."""
        try:
            self._close()
        finally:
            with suppress(NotADirectoryError):  # where it could not be created either
                self.name.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
