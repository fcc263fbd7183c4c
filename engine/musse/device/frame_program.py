"""From one frame and the normalised pre frame to strain maps: the live step as a program of static shapes."""

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from engine.musse.cells import ROWS_PER_CELL, CellGrid, CellMatrices
from engine.musse.device.canonical import CanonicalFrame, CanonicalTransform
from engine.musse.device.constants import floats
from engine.musse.device.front import DeviceFront, NormalisedTensors
from engine.musse.program import LiveProgram
from engine.musse.program_io import LiveOutputs
from engine.tracking.iq import IqGrid, IqTransform
from engine.tracking.normalisation import GridInputs, PairInitialiser

MAPS: Final = len(LiveOutputs._fields)
COMPUTED: Final = tuple(name for name in NormalisedTensors._fields if name != "valid")
"""Fields that a pair program computes; `valid` passes through, which compilers do not take as an output."""
IQ_PARTS: Final = len(CanonicalFrame._fields)


class PairProgram(nn.Module):
    """Canonical IQ of post and the normalised pre frame -> `LiveOutputs`, then normalised post but `valid`.

    The part that TensorRT compiles: no transform, no integers, every matrix of the grid a constant.
    """

    def __init__(self, front: PairInitialiser, cells: CellGrid, program: LiveProgram) -> None:
        super().__init__()
        self.front = DeviceFront(front)
        self.program = program
        for name, values in front.inputs._asdict().items():
            self.register_buffer(f"grid_{name}", floats(values), persistent=False)
        no_phase = np.zeros(front.grid.n_rows, np.float32)
        for name, values in cells.matrices(no_phase)._asdict().items():
            self.register_buffer(f"matrix_{name}", floats(values), persistent=False)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """`CanonicalFrame` of post, `NormalisedTensors` of pre -> `LiveOutputs`, `COMPUTED` of post."""
        pre = NormalisedTensors(*inputs[IQ_PARTS:])
        post = self.front.normalise(CanonicalFrame(*inputs[:IQ_PARTS]))
        start, radians = self.front.start(pre, post)
        grid = [self.get_buffer(f"grid_{name}") for name in GridInputs._fields]
        matrices = CellMatrices(*(self.get_buffer(f"matrix_{name}") for name in CellMatrices._fields))
        rows = matrices.cell_radians.shape[0]
        by_cell = radians[: rows * ROWS_PER_CELL].view(rows, ROWS_PER_CELL).mean(dim=1)
        matrices = matrices._replace(cell_radians=by_cell * matrices.cell_samples)
        maps = self.program(pre.planes, pre.valid, post.planes, post.valid, *start, *grid, radians, *matrices)
        return (*maps, *(getattr(post, name) for name in COMPUTED))


class FrameProgram(nn.Module):
    """The samples of post and the normalised pre frame -> maps, normalised post, and `Measured` numbers."""

    def __init__(self, transform: IqTransform, grid: IqGrid, pair: nn.Module) -> None:
        super().__init__()
        self.canonical = CanonicalTransform(transform, grid)
        self.pair = pair
        """`PairProgram`, or what a compiler made of it."""

    def forward(self, frame: Tensor, *pre: Tensor) -> tuple[Tensor, NormalisedTensors, Tensor]:
        """(maps (MAPS, rows, cols), post, measured)."""
        canonical, measured = self.canonical(frame)
        results = self.pair(*canonical, *pre)
        post = NormalisedTensors(valid=canonical.valid, **dict(zip(COMPUTED, results[MAPS:], strict=True)))
        return torch.stack(results[:MAPS]), post, measured
