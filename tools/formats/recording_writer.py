"""What the writers of other programs' formats have in common: a part file that is kept when complete."""

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from tools.formats.recording import Recording
from tools.part import PartFile, write_failure


class RecordingWriter(ABC):
    """The frames of `recording` as one file, which appears under its name only when complete.

    A context manager. The recording is known beforehand, because a header needs the times of all frames.
    """

    def __init__(self, path: Path, recording: Recording, *, overwrite: bool = False) -> None:
        self._path = path
        self._part = PartFile(path, overwrite=overwrite)
        self._recording = recording

    @abstractmethod
    def append(self, samples: NDArray[Any], index: int) -> None:
        """Write the samples of frame `index`, (n_axial, n_lateral). Frames come in order."""

    @abstractmethod
    def _begin(self) -> None:
        """Open the part file and write all but the samples."""

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._begin()
            self._part.check()
        except BaseException as error:
            self._part.drop()
            if isinstance(error, OSError):
                raise write_failure(error, self._path) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._part.keep()
        finally:
            self._part.drop()
