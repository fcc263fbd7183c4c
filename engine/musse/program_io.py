"""What goes into the live program and what comes out, by name: the same for every runtime. NumPy only."""

from typing import Final, Generic, NamedTuple

from engine.musse.cells import CellMatrices
from engine.tracking.normalisation import Array, FrameInputs, GridInputs, Start


class LiveOutputs(NamedTuple, Generic[Array]):
    """Maps (rows, cols) on the cell grid."""

    strain: Array
    strain_std: Array
    axial: Array
    """Displacement, cells."""
    lateral: Array
    """Displacement, lines."""
    ncc: Array
    """Local correlation of pre and warped post."""
    coverage: Array
    """Share of the cell that both frames hold."""


MIN_COVERAGE: Final = 0.7  # of a cell: with less there is no information
MIN_NCC: Final = 0.1  # the same of its correlation

INPUTS: Final = (
    *(f"{frame}_{name}" for frame in ("pre", "post") for name in FrameInputs._fields),
    *(f"start_{name}" for name in Start._fields),  # outputs are called axial and lateral, too
    *GridInputs._fields,
    "radians",
    *CellMatrices._fields,
)
"""Inputs of the program in order: both frames, where the phase passes start, the canonical grid's matrices,
the phase per sample of every canonical row, and the cells' matrices."""

PROGRAM_VERSION: Final = 6
"""Of the computation around the weights: raised whenever equal weights give other results."""

VERSION: Final = "musse_program_version"
"""Name of the program's metadata with `PROGRAM_VERSION`."""

HASH: Final = "musse_weights_sha256"
"""Key of the program's metadata with the hash of its weights."""

OUTPUTS: Final = tuple(f"{name}_map" for name in LiveOutputs._fields)
"""An output may not be called like an input."""
