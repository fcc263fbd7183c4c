"""Named values of a file as nested mappings: groups and structs within one another.

Leaves are arrays, array-likes of `quadrature.Samples`, numbers and texts. A path such as ('acq', 'rf') names
one; people write it acq.rf.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tree: TypeAlias = Mapping[str, Any]
Place: TypeAlias = tuple[str, ...]

DEEPEST: Final = 6  # structs within structs; a file that nests deeper is no recording


class FrameStack:
    """Frames that were elements of a cell array or a struct array: axis 0 counts them."""

    frame_axis: Final = 0

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype = array.dtype

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        return np.asarray(self._array[index])


def arrays_in(tree: Tree) -> dict[Place, Any]:
    """Every leaf of two dimensions or more that holds numbers, by its place."""
    return {
        place: leaf
        for place, leaf in _leaves(tree)
        if len(getattr(leaf, "shape", None) or ()) >= 2 and leaf.dtype.kind in "iufc" and _size(leaf) > 1
    }


def tables_around(tree: Tree, place: Place) -> list[tuple[str, Tree]]:
    """The mappings that hold the leaf at `place`, innermost first, with their names ('' for the file)."""
    around = [("", tree)]
    for depth in range(1, len(place)):
        inner = around[-1][1][place[depth - 1]]
        around.append((written(place[:depth]), inner))
    return around[::-1]


def other_tables(tree: Tree, place: Place) -> list[tuple[str, Tree]]:
    """Every mapping that does not hold the leaf at `place`."""
    return [(written(at), table) for at, table in _tables(tree) if at and at != place[: len(at)]]


def written(place: Place) -> str:
    """A place as people write it."""
    return ".".join(place)


def listed(leaves: Mapping[Place, Any]) -> str:
    """Places and shapes, for a message."""
    shown = [f"{written(place)} {tuple(leaf.shape)}" for place, leaf in leaves.items()]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def from_elements(elements: list[Any]) -> Any:
    """One value for the elements of a cell array or a struct array.

    A single element stands for itself, equal frames become a stack, single numbers an array, and structs one
    mapping of what each field holds. Anything else is numbered from 1, as MATLAB does.
    """
    if len(elements) == 1:
        return elements[0]
    if elements and all(isinstance(element, Mapping) for element in elements):
        return {name: from_elements([element.get(name) for element in elements]) for name in elements[0]}
    shapes = {np.shape(element) if isinstance(element, np.ndarray) else None for element in elements}
    if len(shapes) == 1 and None not in shapes:
        arrays = [np.squeeze(element) for element in elements]
        if arrays[0].ndim in {0, 2} and all(array.dtype.kind in "biufc" for array in arrays):
            return np.stack(arrays) if arrays[0].ndim == 0 else FrameStack(np.stack(arrays))
    return {f"{{{number}}}": element for number, element in enumerate(elements, 1)}


def _leaves(tree: Tree, before: Place = ()) -> Iterator[tuple[Place, Any]]:
    for name, value in tree.items():
        if not isinstance(value, Mapping):
            yield (*before, name), value
        elif len(before) < DEEPEST:
            yield from _leaves(value, (*before, name))


def _tables(tree: Tree, before: Place = ()) -> Iterator[tuple[Place, Tree]]:
    yield before, tree
    for name, value in tree.items():
        if isinstance(value, Mapping) and len(before) < DEEPEST:
            yield from _tables(value, (*before, name))


def _size(leaf: Any) -> int:
    return int(np.prod(leaf.shape, dtype=np.int64))
