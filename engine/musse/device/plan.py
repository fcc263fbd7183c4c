"""Everything that one canonical grid fixes: the program with its constants, frame slots, static tensors."""

from collections.abc import Callable
from copy import deepcopy
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from engine.musse.cells import cell_grid
from engine.musse.device.canonical import CanonicalTransform, Measured
from engine.musse.device.frame_program import IQ_PARTS, FrameProgram, PairProgram
from engine.musse.device.step import MakeStep
from engine.musse.output_grid import check_size
from engine.musse.program import LiveProgram
from engine.musse.program_io import LiveOutputs
from engine.musse.window_features import place_kernels
from engine.spec import EngineSpec, FloatArray, FrameArray
from engine.tracking.iq import IqGrid, IqTransform
from engine.tracking.normalisation import PairInitialiser


class Runner(NamedTuple):
    """What runs in place of a pair program."""

    module: nn.Module
    engine: str
    """Name of the engine that it makes: 'cuda' or 'tensorrt'."""
    note: str = ""
    """Why it was taken and not a better one."""


Replace: TypeAlias = Callable[[PairProgram, tuple[Tensor, ...], IqGrid], Runner]
"""Gives what runs in place of the pair program: itself, or an engine compiled of it. Called with the program
on the CPU, example inputs, and the grid."""


def unchanged(pair: PairProgram, inputs: tuple[Tensor, ...], grid: IqGrid) -> Runner:
    """The pair program itself."""
    return Runner(pair, "cuda")


ANY_SLOT: Final = 0


class StepResult(NamedTuple):
    """What one step brings to the host."""

    maps: LiveOutputs[FloatArray]
    measured: Measured


def pair_program(spec: EngineSpec, grid: IqGrid, program: LiveProgram) -> PairProgram:
    """The pair program of a grid, on the CPU."""
    front = PairInitialiser(grid, spec.shape[1], spec.line_spacing, spec.sample_pitch, max_rows=grid.n_rows)
    cells = cell_grid(grid, spec.shape[1], spec.line_spacing)
    return PairProgram(front, cells, deepcopy(program).cpu()).eval().requires_grad_(False)


def example_inputs(transform: IqTransform, grid: IqGrid, pair: PairProgram) -> tuple[Tensor, ...]:
    """Inputs of a pair program on the CPU, of a frame without echoes; no two share memory."""
    canonical = CanonicalTransform(transform, grid)
    with torch.no_grad():
        frame, _ = canonical(torch.zeros(transform.spec.shape))
        normalised = pair.front.normalise(frame)
    return tuple(part.clone(memory_format=torch.contiguous_format) for part in (*frame, *normalised))


class Plan:
    """One grid on one device. Frames are (n_axial, n_lateral) of one sample type.

    `slots` normalised frames stay on the device. Nothing is allocated there after construction. Raises
    InvalidAcquisition for frames of too few cells.
    """

    def __init__(
        self,
        spec: EngineSpec,
        grid: IqGrid,
        program: LiveProgram,
        *,
        sample_type: np.dtype[np.generic],
        slots: int,
        device: torch.device,
        make_step: MakeStep,
        replace: Replace,
    ) -> None:
        self.grid = grid
        self.cells = cell_grid(grid, spec.shape[1], spec.line_spacing)
        check_size(self.cells)
        transform = IqTransform(spec)
        pair = pair_program(spec, grid, program)
        example = example_inputs(transform, grid, pair)
        place_kernels(device)
        runner = replace(pair, example, grid)
        self.engine, self.note = runner.engine, runner.note
        self._program = FrameProgram(transform, grid, runner.module).to(device)
        pinned = device.type == "cuda"
        kind = torch.from_numpy(np.zeros(1, sample_type)).dtype
        self._frame = torch.zeros(spec.shape, dtype=kind, device=device)
        self._host_frame = torch.zeros(spec.shape, dtype=kind, pin_memory=pinned)
        self._at = torch.zeros(2, dtype=torch.int64, device=device)
        self._host_at = torch.zeros(2, dtype=torch.int64, pin_memory=pinned)
        normalised = example[IQ_PARTS:]
        self._slots = [torch.zeros((slots, *part.shape), device=device) for part in normalised]
        size = (len(LiveOutputs._fields), len(self.cells.axial_index), len(self.cells.lateral_index))
        self._host_maps = torch.zeros(size, pin_memory=pinned)
        self._host_measured = torch.zeros(len(Measured._fields), pin_memory=pinned)
        self._step = make_step(self.body)

    def body(self) -> None:
        """The work of one frame; no address and no size in it ever changes."""
        self._frame.copy_(self._host_frame, non_blocking=True)
        self._at.copy_(self._host_at, non_blocking=True)
        pre = [slot.index_select(0, self._at[:1])[0] for slot in self._slots]
        maps, post, measured = self._program(self._frame, *pre)
        for slot, part in zip(self._slots, post, strict=True):
            slot.index_copy_(0, self._at[1:], part[None])
        self._host_maps.copy_(maps, non_blocking=True)
        self._host_measured.copy_(measured, non_blocking=True)

    def run(self, post: FrameArray, pre_slot: int, post_slot: int) -> StepResult:
        """Maps of the pair that `post` makes with the frame in `pre_slot`; post stays in `post_slot`."""
        self._host_frame.numpy()[...] = post
        self._host_at[0], self._host_at[1] = pre_slot, post_slot
        self._step()
        maps = self._host_maps.numpy().copy()  # the next step writes over it
        return StepResult(LiveOutputs(*maps), Measured(*self._host_measured.tolist()))
