"""Protocol messages to a tape. Every appended message is handed to the operating system at once, so that the
end of this process loses none, and reaches the disk within a second, so that a power cut loses one second.
"""

import os
import platform
import shutil
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mcap.writer import CompressionType, IndexType, Writer

from tools.errors import DiskFull, RecordingError
from tools.part import NOTHING_LEFT, write_failure
from tools.tape import layout

SYNC_EVERY: Final = 0.5  # s between two fsync
LOW_SPACE: Final = 0.05  # share of the disk that is free when a recording should be ended
WHOLE: Final = "everything before that is in it"


class TapeWriter:
    """A new tape at `path`, under its final name from the start. One thread; a context manager.

    Raises RecordingError where the file is there and `overwrite` is off, or cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self.path = path
        self.n_messages = 0
        self._channels: dict[bytes, int] = {}
        self._schemas: dict[str, int] = {}
        try:
            if overwrite:
                path.unlink(missing_ok=True)
            self._file = _File(path)
        except FileExistsError as error:
            raise RecordingError(f"{path} exists: choose another name or use --overwrite") from error
        except OSError as error:
            raise RecordingError(f"cannot write {path}: {error.strerror}") from error
        # an index of an hour would hold hundreds of thousands of entries in memory until the end
        self._writer = Writer(
            self._file,  # type: ignore[arg-type]  # it has the three methods that the library calls
            compression=CompressionType.NONE,
            index_types=IndexType.METADATA,
        )
        self._whole = 0  # bytes up to the end of the last complete record
        self._failed = False
        try:
            self._writer.start(layout.PROFILE)
            self.describe(layout.ABOUT_TAPE, _about())
        except BaseException:
            self._file.close()
            path.unlink(missing_ok=True)
            raise

    @property
    def n_bytes(self) -> int:
        """Bytes written."""
        return self._whole

    def append(self, parts: Sequence[bytes | memoryview], schema: str, received: int) -> None:
        """Write one message: the wire's parts, its topic first; `received` is unix time in ns.

        Raises DiskFull where it does not fit: what was appended before stays readable. RecordingError for
        any other failure of the disk.
        """
        name = bytes(parts[0]).rstrip(b"/")
        try:
            if name not in self._channels:
                if schema not in self._schemas:
                    self._schemas[schema] = self._writer.register_schema(schema, "", b"")
                self._channels[name] = self._writer.register_channel(
                    name.decode(), "msgpack", self._schemas[schema]
                )
            self._writer.add_message(
                self._channels[name], received, layout.pack(parts[1:]), received, self.n_messages
            )
            self._writer.flush()
        except OSError as error:
            raise self._fail(error) from error
        self._whole = self._file.tell()
        self.n_messages += 1

    def describe(self, name: str, fields: dict[str, str]) -> None:
        """Write a metadata record. Raises as `append`."""
        try:
            self._writer.add_metadata(name, layout.with_crc(fields))
        except OSError as error:
            raise self._fail(error) from error
        self._whole = self._file.tell()

    def low_space(self) -> float | None:
        """The share of the disk that is free where that is less than 5 %, else None."""
        try:
            usage = shutil.disk_usage(self.path.parent)
        except OSError:
            return None
        share = usage.free / usage.total
        return share if share < LOW_SPACE else None

    def close(self) -> None:
        """Write the footer where it still fits, and close the file; every message is in it either way.

        Raises RecordingError where the disk reports that it lost what it had taken.
        """
        try:
            if not self._failed:
                self._writer.finish()
        except OSError as error:
            self._fail(error)
        failure = self._file.close()
        if self._failed and not self.n_messages:
            self.path.unlink(missing_ok=True)
        if failure is not None and not self._failed:
            raise write_failure(failure, self.path, WHOLE) from failure

    def _fail(self, error: OSError) -> RecordingError | DiskFull:
        """Cut the file after its last complete record; nothing can be appended any more."""
        self._failed = True
        self._file.truncate(self._whole)
        return write_failure(error, self.path, WHOLE if self.n_messages else NOTHING_LEFT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _File:
    """An unbuffered file that a thread of its own brings to the disk: fsync may take seconds."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self._position = 0
        self._failure: OSError | None = None
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._sync, name="tape-sync")
        self._thread.start()

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._position += len(data)
        self._changed.set()
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Report what the last fsync met: some file systems only then notice a full disk."""
        if self._failure is not None:
            raise self._failure

    def truncate(self, size: int) -> None:
        """Cut off what was written in part."""
        self._file.truncate(size)
        self._file.seek(size)
        self._position = size

    def close(self) -> OSError | None:
        self._closing.set()
        self._changed.set()
        self._thread.join()
        self._file.close()
        return self._failure

    def _sync(self) -> None:
        while True:
            self._changed.wait()
            last = self._closing.is_set()
            self._changed.clear()
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self._failure = self._failure or error
            if last:
                return
            self._closing.wait(SYNC_EVERY)
            if self._closing.is_set():
                self._changed.set()


def _about() -> dict[str, str]:
    libraries = ("musse-stream", "mcap", "numpy", "pyzmq")
    versions = [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in libraries)]
    return {
        "format_version": layout.FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": ", ".join(versions),
    }
