"""A file in the making: under a name of its own until it is complete, and gone if it never is."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import h5py

from tools.errors import DiskFull, RecordingError

_FULL: Final = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EFBIG", "EDQUOT") if hasattr(errno, name)
)  # EFBIG: the limit of this process
NOTHING_LEFT: Final = "nothing of it is left"


def is_disk_full(error: OSError) -> bool:
    """Whether this failure means that there is no room."""
    return error.errno in _FULL


def write_failure(
    error: OSError, path: Path, left: str = "nothing of it is left"
) -> RecordingError | DiskFull:
    """The error to raise where `path` cannot be written: it names the file, the cause and what is left."""
    if is_disk_full(error):
        return DiskFull(f"the disk is full: {path} could not be written, {left} ({error.strerror})")
    return RecordingError(f"cannot write {path}: {error.strerror or error}")


@contextmanager
def writing(path: Path, *, adding: bool = False) -> Iterator[None]:
    """Within it a failure of the disk is raised as `write_failure` of this file.

    What was written of it is deleted, unless the work was `adding` to a file.
    """
    try:
        yield
    except OSError as error:
        if not adding and is_disk_full(error):
            path.unlink(missing_ok=True)
        left = "what was in it before is kept" if adding else NOTHING_LEFT
        raise write_failure(error, path, left) from error


def check_output(path: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise RecordingError where `path` is a folder, one of the inputs, or there already."""
    if path.is_dir():
        raise RecordingError(f"{path} is a folder: give the name of a file")
    if not path.exists():
        return
    for source in inputs:
        if source.exists() and path.samefile(source):
            raise RecordingError(f"{path} is the input itself: choose another name")
    if not overwrite:
        raise RecordingError(f"{path} exists: choose another name or use --overwrite")


class PartFile:
    """PATH.part, which takes the name PATH when kept. One thread.

    Opened by `open` inside the `__enter__` of whoever writes it: a Ctrl-C may come while HDF5 creates the
    file, and a `with` that was never entered cleans nothing up. A .part that is there already, left by a
    process that was killed or by a failed `keep`, is not touched: the name is followed by a number.

    Where the disk refuses, HDF5 cannot close a file and ends the process with a segmentation fault. So it
    writes through a stream that takes everything, and remembers the refusal for `check` and `keep`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.with_name(path.name + ".part")
        self._file: h5py.File | None = None
        self._stream: GuardedStream | None = None
        self._complete = False

    def open(self) -> h5py.File:
        """A new, empty HDF5 file. Raises RecordingError or DiskFull."""
        stream = self._create()
        try:
            self._file = h5py.File(stream, "w")
        except BaseException:
            self.drop()
            raise
        self.check()
        return self._file

    def open_stream(self) -> "GuardedStream":
        """A new, empty file for plain bytes. Raises as `open`."""
        return self._create()

    def check(self) -> None:
        """Raise DiskFull or RecordingError where the disk has refused something since `open`."""
        if self._stream is not None and self._stream.failure is not None:
            raise write_failure(self._stream.failure, self._path)

    def keep(self) -> None:
        """Close it and give it its real name.

        Raises as `check`; RecordingError where only the name could not be given: the complete file then
        stays under its own name, which is in the message.
        """
        self._close()
        self.check()
        self._complete = True
        try:
            self.name.replace(self._path)
        except OSError as error:
            raise RecordingError(
                f"{self.name} is complete but could not be named {self._path.name}: {error.strerror}; "
                "close the programs that hold that file, then rename it"
            ) from error

    def drop(self) -> None:
        """Close and delete it unless `keep` completed it; what stood under the real name is untouched."""
        try:
            self._close()
        finally:
            if self._stream is not None and not self._complete:
                self.name.unlink(missing_ok=True)

    def replace_content(self) -> BinaryIO:
        """Close the HDF5 file and begin the part anew as a plain file, which the caller closes."""
        self._close()
        self.check()
        return self.name.open("wb")

    def _create(self) -> "GuardedStream":
        number = 1
        while True:
            try:
                self._stream = GuardedStream(self.name)
            except FileExistsError:
                number += 1
                self.name = self._path.with_name(f"{self._path.name}.{number}.part")
            except OSError as error:
                raise write_failure(error, self._path) from error
            else:
                return self._stream

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                file.close()
            except (OSError, RuntimeError):
                if self._stream is None or self._stream.failure is None:
                    raise
        if self._stream is not None:
            self._stream.close()


class GuardedStream:
    """What h5py needs of a file, or a writer of plain bytes.

    After the disk's first refusal writes go nowhere and reads give zeros.
    """

    def __init__(self, path: Path) -> None:
        self.failure: OSError | None = None
        self._file = path.open("x+b", buffering=0)

    def write(self, data: bytes | memoryview) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and self.failure is None:
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                self.failure = error
        if self.failure is not None:
            self._file.seek(len(rest), os.SEEK_CUR)
        return size

    def read(self, size: int = -1) -> bytes:
        """h5py takes an object for a file by this method."""
        return self._file.read(size)

    def readinto(self, buffer: memoryview) -> int:
        size = self._file.readinto(buffer) or 0
        if self.failure is not None and size < len(buffer):
            buffer[size:] = bytes(len(buffer) - size)
            size = len(buffer)
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int) -> int:
        if self.failure is None:
            try:
                self._file.truncate(size)
            except OSError as error:
                self.failure = error
        return size

    def flush(self) -> None:
        """Nothing is buffered here."""

    def close(self) -> None:
        self._file.close()
