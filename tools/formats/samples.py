"""Where frames come from, and which of the three sample types of the wire they are handed out in."""

from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError

# float32 holds every integer of 24 bits, so only the wider types lose anything.
_HANDED_OUT_AS: Final[dict[str, tuple[str, str]]] = {
    "int16": ("int16", ""),
    "float32": ("float32", ""),
    "complex64": ("complex64", ""),
    "int8": ("int16", "exact"),
    "uint8": ("int16", "exact"),
    "uint16": ("float32", "exact"),
    "float16": ("float32", "exact"),
    "int32": ("float32", "rounded to 24 bits"),
    "uint32": ("float32", "rounded to 24 bits"),
    "int64": ("float32", "rounded to 24 bits"),
    "float64": ("float32", "rounded to 24 bits"),
    "complex128": ("complex64", "rounded to 24 bits"),
}


class Frames(Protocol):
    """Random access to the samples of a file. One thread at a time."""

    @property
    def n_frames(self) -> int:
        """How many frames there are."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """(n_axial, n_lateral) of one frame."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """int16, float32 or complex64, in the byte order of this machine."""
        ...

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`, (n_axial, n_lateral), the caller's own. Raises RecordingError if unreadable."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def handed_out_dtype(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], str]:
    """The sample type that data of `dtype` are handed out in, and a note on the change ('' for none).

    Raises RecordingError for types that hold no samples (text, objects, truth values).
    """
    if dtype.name not in _HANDED_OUT_AS:
        raise RecordingError(f"samples of type {dtype} are no RF: save them as int16, float32 or complex64")
    target, loss = _HANDED_OUT_AS[dtype.name]
    return np.dtype(target), f"samples: {dtype.name} in the file, {target} here, {loss}" if loss else ""


class ArrayFrames:
    """Frames of an array in memory, seen as (frames, n_axial, n_lateral)."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.n_frames = array.shape[0]
        self.shape: tuple[int, int] = (array.shape[1], array.shape[2])
        self.dtype = handed_out_dtype(array.dtype)[0]

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index`: see `Frames.read`."""
        return np.array(self._array[index], self.dtype, order="C")

    def close(self) -> None:
        """Let go of the array."""
        self._array = np.empty((0, *self.shape), self.dtype)
