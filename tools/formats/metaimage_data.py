"""The samples of a MetaImage file as blocks (n_y, n_x), before anything is known of beams and depth."""

import math
import sys
import zlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.damage import named_beside
from tools.formats.metaimage_header import MetaHeader


class Blocks(Protocol):
    """Random access to frames as they lie in the file, (n_y, n_x), x fastest. One thread."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The file's own type and byte order."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, n_y, n_x)."""
        ...

    def read(self, index: int) -> NDArray[Any]:
        """Block `index`, the caller's own. Raises RecordingError if unreadable."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def open_blocks(header: MetaHeader, dtype: np.dtype[Any], shape: tuple[int, int, int]) -> tuple[Blocks, int]:
    """The samples that `header` describes, `shape` (n_frames, n_y, n_x) of `dtype`, and bytes behind them.

    A recorder that was stopped leaves a file that ends within a frame: the blocks are then the whole frames
    before it. Raises RecordingError where the data file is missing, holds no whole frame, or a frame more.
    """
    place = header.text("ElementDataFile")
    if place.split()[:1] == ["LIST"] or "%" in place:
        raise RecordingError(f"{header.path}: ElementDataFile = {place}: join the frames into one data file")
    is_local = place.upper() == "LOCAL"
    path = header.path if is_local else named_beside(header.path, place)
    if "\\" in place and not path.exists():  # written on Windows, or moved together
        path = named_beside(header.path, place.rpartition("\\")[2])
    offset = header.data_offset if is_local else 0
    wanted = math.prod(shape) * dtype.itemsize
    try:
        available = path.stat().st_size - offset
        if header.flag("CompressedData"):
            data = _inflate(path, offset, wanted)
            n_whole = _whole_frames(path, data.size, shape, dtype)
            whole = data[: n_whole * (wanted // shape[0])].view(dtype)
            return _InflatedBlocks(whole.reshape(n_whole, *shape[1:])), data.size - whole.nbytes
        skip = header.numbers("HeaderSize")
        if skip:  # -1: the samples are the end of the file, whatever stands before them
            skipped = max(0, available - wanted) if skip[0] == -1 else int(skip[0])
            offset, available = offset + skipped, available - skipped
        n_whole = _whole_frames(path, available, shape, dtype)
        surplus = available - n_whole * (wanted // shape[0])
        return _RawBlocks(path, offset, dtype, (n_whole, *shape[1:])), surplus
    except FileNotFoundError:
        raise RecordingError(f"{header.path} names its data file {place}, which is not there") from None
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error


def _whole_frames(path: Path, available: int, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> int:
    """How many of the frames the header describes are there as a whole."""
    frame_bytes = shape[1] * shape[2] * dtype.itemsize
    other_type = any(available * ratio == shape[0] * frame_bytes for ratio in (2, 4, 8))
    if other_type or not frame_bytes <= available < (shape[0] + 1) * frame_bytes:
        raise RecordingError(
            f"{path} holds {available / frame_bytes:g} frames of {frame_bytes} bytes, its header states "
            f"{shape[0]}: correct DimSize or ElementType"
        )
    return min(shape[0], available // frame_bytes)


class IqBlocks:
    """Blocks of real numbers seen as complex ones: I and Q side by side in a row, or in rows in turn."""

    def __init__(self, blocks: Blocks, *, in_turn: bool) -> None:
        self._blocks, self._in_turn = blocks, in_turn
        n_frames, n_y, n_x = blocks.shape
        self.dtype = np.dtype(np.complex64)
        self.shape: tuple[int, int, int] = (n_frames, n_y // 2, n_x) if in_turn else (n_frames, n_y, n_x // 2)

    def read(self, index: int) -> NDArray[Any]:
        """Block `index`: see `Blocks.read`."""
        block = self._blocks.read(index).astype(np.float32)
        return block[0::2] + 1j * block[1::2] if self._in_turn else block.view(np.complex64)

    def close(self) -> None:
        """Let go of the file."""
        self._blocks.close()


class _RawBlocks:
    """Frames as they lie in an uncompressed file, (n_y, n_x), read by position.

    Not memory-mapped: an input error under a mapping (a network drive that goes away) kills the process,
    under a read it is an error that names the frame. A read costs 0.2 ms for 1 MB.
    """

    def __init__(self, path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, int, int]) -> None:
        self.dtype, self.shape = dtype, shape
        self._path, self._offset = path, offset
        self._stream = path.open("rb")

    def read(self, index: int) -> NDArray[Any]:
        _, n_y, n_x = self.shape
        try:
            self._stream.seek(self._offset + index * n_y * n_x * self.dtype.itemsize)
            block = np.fromfile(self._stream, self.dtype, n_y * n_x)
        except (OSError, ValueError) as error:
            raise RecordingError(f"{self._path}: frame {index} cannot be read: {error}") from error
        if block.size != n_y * n_x:
            raise RecordingError(f"{self._path}: the file ends within frame {index}")
        return block.reshape(n_y, n_x)

    def close(self) -> None:
        self._stream.close()


class _InflatedBlocks:
    """Frames of a compressed file, all in memory: one zlib stream allows no other access."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.dtype = array.dtype
        self.shape: tuple[int, int, int] = (array.shape[0], array.shape[1], array.shape[2])
        self._array = array

    def read(self, index: int) -> NDArray[Any]:
        return np.array(self._array[index])

    def close(self) -> None:
        self._array = np.empty((0, *self.shape[1:]), self.dtype)


def _inflate(path: Path, offset: int, wanted: int) -> NDArray[np.uint8]:
    """The zlib stream behind `offset`, never more than one byte beyond what the header promises.

    Less than promised where the stream ends early.
    """
    with path.open("rb") as stream:
        stream.seek(offset)
        inflator = zlib.decompressobj()
        try:
            data = inflator.decompress(stream.read(), min(wanted + 1, sys.maxsize))
        except zlib.error as error:
            raise RecordingError(f"{path}: the compressed samples are damaged: {error}") from error
    if len(data) > wanted:
        raise RecordingError(f"{path} inflates to more than {wanted} bytes: correct DimSize or ElementType")
    return np.frombuffer(data, np.uint8)
