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


def write_failure(error: OSError, path: Path, left: str = NOTHING_LEFT) -> RecordingError | DiskFull:
    """The error to raise where `path` cannot be written: it names the file, the cause and what is left."""
    if is_disk_full(error):
        return DiskFull(f"the disk is full: {path} could not be written, {left} ({error.strerror})")
    return RecordingError(f"cannot write {path}: {error.strerror or error}")


@contextmanager
def writing(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """A file beside `path`, with the same ending, to write; it takes the name `path` when the work is done.

    Where the work fails or is interrupted nothing of it is left, and what stood under the name is untouched.
    Without `overwrite` a file that another program made under the name meanwhile is untouched as well.
    A device or pipe, such as /dev/stdout, is written itself. Raises DiskFull and RecordingError, the latter
    also where a complete file could not be named, which then stays.
    """
    target = path.resolve()  # a link stays one
    if target.exists() and not target.is_file():
        with adding(path):
            yield path
        return
    part = target.with_name(f"{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield part
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise write_failure(error, path) from error
        raise
    _name(part, target, overwrite=overwrite)


@contextmanager
def adding(path: Path) -> Iterator[None]:
    """Within it a failure of the disk is raised as `write_failure` of this file, which is kept."""
    try:
        yield
    except OSError as error:
        raise write_failure(error, path, "what was in it before is kept") from error


def check_output(path: Path, *, overwrite: bool, inputs: Iterable[Path | None] = ()) -> None:
    """Raise RecordingError where `path` is a folder, lies in none, is one of the inputs, or is there already.

    An input is whatever the command reads; None is one that was not given.
    """
    if path.is_dir():
        raise RecordingError(f"{path} is a folder: give the name of a file")
    if not path.absolute().parent.is_dir():
        raise RecordingError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if not path.exists():
        return
    for source in inputs:
        if source is not None and source.exists() and path.samefile(source):
            raise RecordingError(f"{path} is the input itself: choose another name")
    if not overwrite:
        raise RecordingError(f"{path} exists: choose another name or use --overwrite")


def _name(part: Path, path: Path, *, overwrite: bool) -> None:
    """Give a complete file its real name, and that of another file only with `overwrite`.

    Raises RecordingError where that fails; the file then stays.
    """
    try:
        if overwrite:
            part.replace(path)
        else:
            _take(part, path)
    except FileExistsError as error:
        raise RecordingError(
            f"{part} is complete but could not be named {path.name}: another program has made a file of that "
            "name meanwhile; rename one of them"
        ) from error
    except OSError as error:
        raise RecordingError(
            f"{part} is complete but could not be named {path.name}: {error.strerror}; "
            "close the programs that hold that file, then rename it"
        ) from error


def _take(part: Path, path: Path) -> None:
    """Rename; FileExistsError where there is something under the name, whenever it came."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as a memory stick's
        path.touch(exist_ok=False)
        try:
            part.replace(path)
        except OSError:
            path.unlink()
            raise
    else:
        part.unlink()


class PartFile:
    """PATH.part, which takes the name PATH when kept. One thread.

    Opened by `open` inside the `__enter__` of whoever writes it: a Ctrl-C may come while HDF5 creates the
    file, and a `with` that was never entered cleans nothing up. A .part that is there already, left by a
    process that was killed or by a failed `keep`, is not touched: the name is followed by a number.

    Where the disk refuses, HDF5 cannot close a file and ends the process with a segmentation fault. So it
    writes through a stream that takes everything, and remembers the refusal for `check` and `keep`.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self._path = path
        self._overwrite = overwrite
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

        Raises as `check`; RecordingError where only the name could not be given, without `overwrite` also
        because there is a file by now: the complete file then stays under its own name, which is in the
        message.
        """
        self._close()
        self.check()
        self._complete = True
        _name(self.name, self._path, overwrite=self._overwrite)

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
