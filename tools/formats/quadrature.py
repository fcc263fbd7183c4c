"""IQ that a file stores as real numbers, seen as one complex array.

Every class here, a NumPy array and an HDF5 dataset are `Samples`: a shape, a type, and access by a tuple
of one integer or slice per axis.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Samples(Protocol):
    """An array in memory or in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, index: tuple[int | slice, ...]) -> Any: ...


class TwoArrays:
    """I in one array, Q in another."""

    def __init__(self, in_phase: Samples, quadrature: Samples) -> None:
        self._parts = in_phase, quadrature
        self.shape = in_phase.shape
        self.dtype = np.dtype(np.complex64)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[np.complex64]:
        return _combined(*(np.asarray(part[index]) for part in self._parts))


class ChannelAxis:
    """I and Q along an axis of two."""

    def __init__(self, samples: Samples, axis: int) -> None:
        self._samples, self._axis = samples, axis % len(samples.shape)
        self.shape = tuple(n for k, n in enumerate(samples.shape) if k != self._axis)
        self.dtype = np.dtype(np.complex64)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[np.complex64]:
        before, behind = index[: self._axis], index[self._axis :]
        return _combined(*(np.asarray(self._samples[(*before, k, *behind)]) for k in (0, 1)))


class AlongAxis:
    """I and Q along the beam: in turn (I, Q, I, Q), or all I before all Q (`halves`)."""

    def __init__(self, samples: Samples, axis: int, *, halves: bool) -> None:
        self._samples, self._axis, self._halves = samples, axis, halves
        shape = list(samples.shape)
        shape[axis] //= 2
        self.shape = tuple(shape)
        self.dtype = np.dtype(np.complex64)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[np.complex64]:
        whole = (*index[: self._axis], slice(None), *index[self._axis + 1 :])
        values = np.asarray(self._samples[whole])
        axis = sum(isinstance(part, slice) for part in index[: self._axis])
        first = np.moveaxis(values, axis, 0)
        half = self.shape[self._axis]
        parts = (first[:half], first[half:]) if self._halves else (first[0::2], first[1::2])
        part = _combined(*parts)[index[self._axis]]
        return part if isinstance(index[self._axis], int) else np.moveaxis(part, 0, axis)


class Squeezed:
    """Without the axes of length one, which some programs add."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._kept = [k for k, n in enumerate(samples.shape) if n != 1]
        self.shape = tuple(samples.shape[k] for k in self._kept)
        self.dtype = samples.dtype

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        full: list[int | slice] = [0] * len(self._samples.shape)
        for axis, part in zip(self._kept, index, strict=True):
            full[axis] = part
        return np.asarray(self._samples[tuple(full)])


def halves_along(columns: NDArray[Any]) -> bool | None:
    """Whether real IQ columns (n_axial, n_columns) hold all I before all Q; None where it cannot be seen.

    IQ is oversampled, so neighbours of one kind are alike: at distance 1 where the halves are apart, at
    distance 2 where I and Q take turns, with I and Q of one sample unlike each other.
    """
    values = columns.astype(np.float64)
    values = values - values.mean(axis=0)
    power = float((values**2).sum())
    if power == 0.0:
        return None
    near, next_but_one = (abs(float((values[k:] * values[:-k]).sum())) / power for k in (1, 2))
    if max(near, next_but_one) < 0.1 or 0.67 < near / max(next_but_one, 1e-9) < 1.5:
        return None
    return near > next_but_one


def _combined(in_phase: NDArray[Any], quadrature: NDArray[Any]) -> NDArray[np.complex64]:
    result = np.empty(in_phase.shape, np.complex64)
    result.real, result.imag = in_phase, quadrature
    return result
