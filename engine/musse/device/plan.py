"""Everything that one canonical grid fixes: the program with its constants, frame slots, static tensors."""

from collections.abc import Callable
from copy import deepcopy
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from engine.musse.cells import CellGrid, cell_grid
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


Replace: TypeAlias = Callable[[nn.Module, tuple[Tensor, ...], IqGrid], Runner]
"""Gives what runs in place of the pair program: itself, or an engine compiled of it. Called with the program
on the CPU, example inputs, and the grid."""


def unchanged(pair: nn.Module, inputs: tuple[Tensor, ...], grid: IqGrid) -> Runner:
    """The pair program itself."""
    return Runner(pair, "cuda")


class Programmed(NamedTuple):
    """The program of one grid, and what it needs on the device."""

    module: nn.Module
    """Frame, parts of the normalised pre frame, then where something is carried on `Carry.kind` (1,) and the
    carried tensors -> maps (n, rows, cols), `NormalisedTensors` of post, `Measured`, and carried tensors."""
    maps: tuple[int, int, int]
    """Size of its maps."""
    normalised: tuple[Tensor, ...]
    """Examples of the parts that stay in a frame's slot."""
    engine: str
    note: str
    cells: CellGrid
    carried: tuple[Tensor, ...] = ()
    """Examples of what one pair leaves for the next."""


class Carry(NamedTuple):
    """What a pair takes of an earlier one: a bank of the plan, or nothing."""

    read: int = 0
    write: int = 0
    kind: int = 0
    """How the program takes what it reads: a number of its own."""


ANY_SLOT: Final = 0
BANKS: Final = 2  # of carried tensors: what was committed last, and what the newest pair proposes
NO_CARRY: Final = Carry()


class StepResult(NamedTuple):
    """What one step brings to the host."""

    maps: FloatArray
    """(n, rows, cols)"""
    measured: Measured


def pair_program(spec: EngineSpec, grid: IqGrid, program: LiveProgram) -> PairProgram:
    """The pair program of a grid, on the CPU."""
    cells = cell_grid(grid, spec.shape[1], spec.line_spacing)
    return PairProgram(initialiser(spec, grid), cells, deepcopy(program).cpu()).eval().requires_grad_(False)


def initialiser(spec: EngineSpec, grid: IqGrid) -> PairInitialiser:
    """The NumPy front end of a grid, whose constants the device takes."""
    return PairInitialiser(grid, spec.shape[1], spec.line_spacing, spec.sample_pitch, max_rows=grid.n_rows)


def example_inputs(transform: IqTransform, grid: IqGrid, pair: PairProgram) -> tuple[Tensor, ...]:
    """Inputs of a pair program on the CPU, of a frame without echoes; no two share memory."""
    canonical = CanonicalTransform(transform, grid)
    with torch.no_grad():
        frame, _ = canonical(torch.zeros(transform.spec.shape))
        normalised = pair.front.normalise(frame)
    return tuple(part.clone(memory_format=torch.contiguous_format) for part in (*frame, *normalised))


def live_program(spec: EngineSpec, grid: IqGrid, program: LiveProgram, replace: Replace) -> Programmed:
    """The live network on a grid. Raises InvalidAcquisition for frames of too few cells."""
    transform = IqTransform(spec)
    cells = cell_grid(grid, spec.shape[1], spec.line_spacing)
    check_size(cells)
    pair = pair_program(spec, grid, program)
    example = example_inputs(transform, grid, pair)
    runner = replace(pair, example, grid)
    return Programmed(
        module=FrameProgram(transform, grid, runner.module),
        maps=(len(LiveOutputs._fields), len(cells.axial_index), len(cells.lateral_index)),
        normalised=example[IQ_PARTS:],
        engine=runner.engine,
        note=runner.note,
        cells=cells,
    )


class Plan:
    """One grid on one device. Frames are (n_axial, n_lateral) of one sample type.

    `slots` normalised frames stay on the device. Nothing is allocated there after construction.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        grid: IqGrid,
        programmed: Programmed,
        *,
        sample_type: np.dtype[np.generic],
        slots: int,
        device: torch.device,
        make_step: MakeStep,
    ) -> None:
        self.grid = grid
        self.cells, self.engine, self.note = programmed.cells, programmed.engine, programmed.note
        place_kernels(device)
        self._program = programmed.module.to(device)
        pinned = device.type == "cuda"
        kind = torch.from_numpy(np.zeros(1, sample_type)).dtype
        self._frame = torch.zeros(shape, dtype=kind, device=device)
        self._host_frame = torch.zeros(shape, dtype=kind, pin_memory=pinned)
        places = 2 + len(Carry._fields)
        self._at = torch.zeros(places, dtype=torch.int64, device=device)
        self._host_at = torch.zeros(places, dtype=torch.int64, pin_memory=pinned)
        self._slots = [torch.zeros((slots, *part.shape), device=device) for part in programmed.normalised]
        self._banks = [torch.zeros((BANKS, *part.shape), device=device) for part in programmed.carried]
        self._host_maps = torch.zeros(programmed.maps, pin_memory=pinned)
        self._host_measured = torch.zeros(len(Measured._fields), pin_memory=pinned)
        self._step = make_step(self.body)

    def body(self) -> None:
        """The work of one frame; no address and no size in it ever changes."""
        self._frame.copy_(self._host_frame, non_blocking=True)
        self._at.copy_(self._host_at, non_blocking=True)
        pre_slot, post_slot, read, write, kind = self._at.split(1)
        pre = [slot.index_select(0, pre_slot)[0] for slot in self._slots]
        carried = [bank.index_select(0, read)[0] for bank in self._banks]
        maps, post, measured, *left = self._program(self._frame, *pre, *([kind] if carried else []), *carried)
        for slot, part in zip(self._slots, post, strict=True):
            slot.index_copy_(0, post_slot, part[None])
        for bank, part in zip(self._banks, left, strict=True):
            bank.index_copy_(0, write, part[None])
        self._host_maps.copy_(maps, non_blocking=True)
        self._host_measured.copy_(measured, non_blocking=True)

    def run(self, post: FrameArray, pre_slot: int, post_slot: int, carry: Carry = NO_CARRY) -> StepResult:
        """Maps of the pair that `post` makes with the frame in `pre_slot`; post stays in `post_slot`."""
        self._host_frame.numpy()[...] = post
        self._host_at.numpy()[...] = (pre_slot, post_slot, *carry)
        self._step()
        maps = self._host_maps.numpy().copy()  # the next step writes over it
        return StepResult(maps, Measured(*self._host_measured.tolist()))
