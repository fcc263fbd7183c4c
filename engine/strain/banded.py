"""Products with matrices that are bands: only what is not zero is multiplied, in pieces. NumPy only."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.spec import FloatArray

Slices: TypeAlias = tuple[slice, slice]

# multiply-adds of one product. OpenBLAS wakes its threads for twice as many, and where other programs hold
# the cores these wait for each other: the strain of one pair then took 20 times as long
SMALL_PRODUCT = 2**18
MAX_BLOCK = 32


def band_blocks(band: NDArray[np.bool_], others: int) -> list[Slices]:
    """Pieces (inputs, outputs) that cover a band matrix (inputs, outputs), each for one small product.

    `others` is the length of the third side of these products.
    """
    n_outputs = band.shape[1]
    blocks: list[Slices] = []
    size = MAX_BLOCK
    while True:
        blocks.clear()
        for first in range(0, n_outputs, size):
            outputs = slice(first, min(first + size, n_outputs))
            seen = np.flatnonzero(band[:, outputs].any(axis=1))
            blocks.append((slice(int(seen[0]), int(seen[-1]) + 1) if seen.size else slice(0, 1), outputs))
        largest = max((i.stop - i.start) * (o.stop - o.start) for i, o in blocks)
        if largest * others <= SMALL_PRODUCT or size == 1:
            return blocks
        size //= 2


class BandedMatrix:
    """A matrix (inputs, outputs) for products whose third side is `others` long."""

    def __init__(self, matrix: NDArray[Any], others: int) -> None:
        self.dense: FloatArray = np.ascontiguousarray(matrix, np.float32)
        inputs, outputs = matrix.shape
        if inputs * outputs * others <= SMALL_PRODUCT:  # one call costs less than the zeros it multiplies
            blocks = [(slice(0, inputs), slice(0, outputs))]
        else:
            blocks = band_blocks(matrix != 0, others)
        self._after = [(i, o, np.ascontiguousarray(self.dense[i, o])) for i, o in blocks]
        self._before = [(i, o, np.ascontiguousarray(part.T)) for i, o, part in self._after]

    def after(self, values: FloatArray) -> FloatArray:
        """values @ matrix: (..., others, inputs) to (..., others, outputs)."""
        result = np.empty((*values.shape[:-1], self.dense.shape[1]), np.float32)
        for inputs, outputs, part in self._after:
            np.matmul(values[..., inputs], part, out=result[..., outputs])
        return result

    def before(self, values: FloatArray) -> FloatArray:
        """matrix.T @ values: (..., inputs, others) to (..., outputs, others)."""
        result = np.empty((*values.shape[:-2], self.dense.shape[1], values.shape[-1]), np.float32)
        for inputs, outputs, part in self._before:
            np.matmul(part, values[..., inputs, :], out=result[..., outputs, :])
        return result
