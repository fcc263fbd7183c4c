"""Reading named arrays of any HDF5 file: MATLAB's version 7.3, and what Julia, R, Python and others write.

MATLAB stores its arrays the other way round, so that axis 0 in MATLAB is the last one in the file; axes
are handed on as MATLAB shows them. Other programs leave no mark: theirs are handed on as they lie there.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from tools.damage import naming_damage
from tools.formats.arrays import contents_of
from tools.formats.contents import Contents, Layout
from tools.formats.hdf5_links import lies_elsewhere
from tools.formats.names import scalar
from tools.formats.tree import DEEPEST, from_elements

_READ_AT_ONCE: Final = 4096  # values: a smaller dataset is a constant or a table
_HIDDEN: Final = ("#refs#", "#subsystem#")
_COMPLEX: Final = ({"real", "imag"}, {"re", "im"}, {"r", "i"})


def read_hdf5_tree(path: Path, layout: Layout) -> Contents:
    """The recording at `path`; frames are read one by one when asked for."""
    with naming_damage(path, "HDF5 file"):
        file = h5py.File(path, "r")
        try:
            return contents_of(path, tree_of(file), layout, close=file.close)
        except BaseException:
            file.close()
            raise


def tree_of(group: Any, around: tuple[Any, ...] = ()) -> dict[str, Any]:
    """A group as nested mappings: attributes, then members; links back to one of `around` are left out."""
    tree: dict[str, Any] = {}
    around = (*around, group)
    for name in group.attrs:
        with suppress(OSError, TypeError, ValueError):  # of a type that NumPy does not have
            tree[name] = group.attrs[name]
    for name in group:
        item = None if name in _HIDDEN else group.get(name)  # None: a link to nowhere
        if lies_elsewhere(group, item):
            continue
        if isinstance(item, h5py.Group) and item not in around and len(around) < DEEPEST:
            tree[name] = tree_of(item, around)
        elif isinstance(item, h5py.Dataset):
            tree[name] = _dataset(item)
    return tree


class HdfSamples:
    """A large dataset, read piece by piece; complex numbers may be a pair of named fields."""

    def __init__(self, dataset: Any, *, turned: bool) -> None:
        self._dataset, self._turned = dataset, turned
        self.shape: tuple[int, ...] = dataset.shape[::-1] if turned else dataset.shape
        names = dataset.dtype.names
        self.dtype: np.dtype[Any] = (
            dataset.dtype if not names else np.result_type(dataset.dtype[0], np.complex64)
        )

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        values = np.asarray(self._dataset[index[::-1] if self._turned else index])
        return _plain(values).T if self._turned else _plain(values)


def _dataset(dataset: Any) -> Any:
    marked = dataset.attrs.get("MATLAB_class")
    matlab = marked.decode() if isinstance(marked, bytes) else str(marked or "")
    if h5py.check_ref_dtype(dataset.dtype) is h5py.Reference:
        elements = [
            _referred(dataset.file, reference)
            for reference in np.asarray(dataset[()]).T.reshape(-1, order="F")
        ]
        return from_elements(elements) if elements else None
    numeric = dataset.dtype.kind in "biufc" or _is_complex(dataset.dtype)
    if dataset.size is None or "MATLAB_empty" in dataset.attrs:
        return None
    if matlab == "char" and numeric:
        return "".join(map(chr, np.asarray(dataset[()]).reshape(-1).tolist()))
    if not numeric:
        return scalar(dataset[()]) if dataset.size == 1 else None
    samples = HdfSamples(dataset, turned=bool(matlab))
    return samples[(slice(None),) * len(samples.shape)] if dataset.size <= _READ_AT_ONCE else samples


def _referred(file: Any, reference: Any) -> Any:
    item = file[reference]
    value = tree_of(item) if isinstance(item, h5py.Group) else _dataset(item)
    if isinstance(value, HdfSamples):  # elements of a cell array are put together, which needs them whole
        return value[(slice(None),) * len(value.shape)]
    return value


def _is_complex(dtype: np.dtype[Any]) -> bool:
    return dtype.names is not None and set(dtype.names) in _COMPLEX


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Complex numbers instead of pairs of fields."""
    if not values.dtype.names:
        return values
    real, imaginary = (next(n for n in values.dtype.names if n[0] == letter) for letter in ("r", "i"))
    return np.asarray(values[real] + 1j * values[imaginary])
