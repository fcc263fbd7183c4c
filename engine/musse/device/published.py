"""The published network with the whole frame on one device; its state stays there, in two banks.

A pair reads the bank that was committed last and writes the other: a proposal that is not committed is
overwritten by the next one.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import EngineError
from engine.musse.cells import cell_grid
from engine.musse.device.canonical import CanonicalTransform
from engine.musse.device.constants import floats
from engine.musse.device.frames import DeviceFrames
from engine.musse.device.front import DeviceFront, NormalisedTensors
from engine.musse.device.plan import BANKS, Carry, Plan, Programmed, Replace, initialiser, unchanged
from engine.musse.device.step import MakeStep
from engine.musse.manifest import Manifest
from engine.musse.published_chain import Found
from engine.musse.published_pair import MAPS, PublishedPair, moved_with_tissue
from engine.network.decoder import State
from engine.network.musse import MusseNet
from engine.spec import EngineSpec, FrameArray, Stopwatch
from engine.tracking.affine import FINEST, OUTLIER, PASSES
from engine.tracking.canonical_rf import rf_pitch
from engine.tracking.iq import OVERSAMPLING, IqGrid, IqTransform
from engine.tracking.normalisation import PairInitialiser, Start

FRESH: Final = 0
KEPT: Final = 1
MOVED: Final = 2
"""How a pair takes the state that it reads: not at all, as it is (a key frame), moved with the tissue."""


class DeviceAffine(nn.Module):
    """`engine.tracking.affine.AffineMotion.of`, in double precision and without a solver's library calls."""

    position: Tensor
    size: Tensor

    def __init__(self, front: PairInitialiser, node_lines: int) -> None:
        super().__init__()
        self.scale = OVERSAMPLING / front.grid.pitch
        lines = np.linspace(0.0, len(front.inputs.lines) - 1, node_lines)
        rows = front.node_row * float(OVERSAMPLING)
        position = np.stack(np.broadcast_arrays(1.0, rows[None, :], lines[:, None]), axis=-1).reshape(-1, 3)
        size = np.array([1.0, max(rows[-1], 1.0), max(lines[-1], 1.0)])
        self.register_buffer("position", torch.from_numpy(position / size), persistent=False)
        self.register_buffer("size", torch.from_numpy(size), persistent=False)

    def forward(self, start: Start[Tensor]) -> tuple[Tensor, Tensor]:
        """(offset (2,), slopes (2, 2)), double."""
        found = torch.stack((start.axial * self.scale, start.lateral)).flatten(1).double()
        fits = self._fit(found) / self.size
        return fits[:, 0], fits[:, 1:]

    def _fit(self, found: Tensor) -> Tensor:
        """(2, 3) coefficients of both components (2, nodes), with Cauchy weights."""
        weight = torch.ones_like(found)
        fitted = found.new_zeros((2, 3))
        for _ in range(PASSES):
            weighted = self.position * weight[..., None]
            fitted = _solved(weighted.mT @ self.position, (weighted * found[..., None]).sum(dim=1))
            off = found - fitted @ self.position.T
            spread = 1.48 * _median(off.abs()) + FINEST
            weight = 1.0 / (1.0 + (off / (OUTLIER * spread)).square())
        return fitted


def _solved(matrices: Tensor, right: Tensor) -> Tensor:
    """Solutions (b, 3) of b systems of three equations, by their cofactors."""
    first, second, third = matrices.unbind(dim=-1)
    cofactors = torch.stack(
        (
            torch.linalg.cross(second, third),
            torch.linalg.cross(third, first),
            torch.linalg.cross(first, second),
        ),
        dim=1,
    )
    determinant = (first * cofactors[:, 0]).sum(dim=-1, keepdim=True)
    return (cofactors * right[:, None]).sum(dim=-1) / determinant


def _median(values: Tensor) -> Tensor:
    """Of the last axis, kept: the mean of the middle two where their number is even, as NumPy's."""
    ranked = values.sort(dim=-1)[0]
    count = ranked.shape[-1]
    return ranked[..., (count - 1) // 2 : count // 2 + 1].mean(dim=-1, keepdim=True)


class PublishedFrame(nn.Module):
    """The samples of post, the normalised pre frame and a state -> maps, post, `Measured`, the new state."""

    row: Tensor
    line: Tensor
    cos: Tensor
    sin: Tensor

    def __init__(self, transform: IqTransform, grid: IqGrid, front: PairInitialiser, pair: nn.Module) -> None:
        super().__init__()
        self.canonical, self.front = CanonicalTransform(transform, grid), DeviceFront(front)
        self.affine = DeviceAffine(front, front.from_coarse.across.dense.shape[1])
        self.pair = pair
        """`PublishedPair`, or what a compiler made of it."""
        rows = np.arange(OVERSAMPLING * grid.n_rows)
        phase = 2.0 * np.pi * grid.frequency * rf_pitch(grid) * rows
        for name, values in {
            "row": rows,
            "line": np.arange(transform.spec.shape[1]),
            "cos": np.cos(phase),
            "sin": np.sin(phase),
        }.items():
            self.register_buffer(name, floats(values), persistent=False)

    def forward(self, frame: Tensor, *others: Tensor) -> tuple[Any, ...]:
        """`others`: `NormalisedTensors` of pre, kind (1,), displacement and state that are carried on."""
        parts = len(NormalisedTensors._fields)
        pre, (kind, moved, *state) = NormalisedTensors(*others[:parts]), others[parts:]
        canonical, measured = self.canonical(frame)
        post = self.front.normalise(canonical)
        offset, slopes = (part.float() for part in self.affine(self.front.start(pre, post)[0]))
        along = slopes[:, 0, None, None] * self.row[:, None]
        motion = offset[:, None, None] + along + slopes[:, 1, None, None] * self.line
        carried = carried_on(kind, moved, tuple(state))
        maps, *left = self.pair(self._rf(pre), self._rf(post), motion[None], slopes, *carried)
        return (maps[0], post, measured, *left)

    def _rf(self, frame: NormalisedTensors) -> Tensor:
        """See `engine.tracking.canonical_rf.canonical_rf`; (1, 1, rows, lines)."""
        re, im = frame.planes.unbind()
        return (re * self.cos - im * self.sin).t().contiguous()[None, None]


def carried_on(kind: Tensor, displacement: Tensor, state: State) -> State:
    """What a pair starts from, of what an earlier one left."""
    moved = moved_with_tissue(state, displacement)
    return tuple(
        torch.where(kind == FRESH, 0.0, torch.where(kind == KEPT, kept, along))
        for kept, along in zip(state, moved, strict=True)
    )


def published_program(spec: EngineSpec, grid: IqGrid, net: MusseNet, replace: Replace) -> Programmed:
    """The published network on a grid."""
    transform, front = IqTransform(spec), initialiser(spec, grid)
    pair, example = published_pair(spec, grid, net)
    runner = replace(pair, example, grid)
    program = PublishedFrame(transform, grid, front, runner.module).eval().requires_grad_(False)
    with torch.no_grad():
        normalised = program.front.normalise(program.canonical(torch.zeros(spec.shape))[0])
    return Programmed(
        module=program,
        maps=(MAPS, *example[0].shape[-2:]),
        normalised=tuple(normalised),
        engine=runner.engine,
        note=runner.note,
        cells=cell_grid(grid, spec.shape[1], spec.line_spacing),
        carried=(example[2], *example[4:]),
    )


def published_pair(spec: EngineSpec, grid: IqGrid, net: MusseNet) -> tuple[PublishedPair, tuple[Tensor, ...]]:
    """The pair program of a grid on the CPU, and example inputs; no two share memory."""
    rows, lines = OVERSAMPLING * grid.n_rows, spec.shape[1]
    pair = PublishedPair(net, spec, grid).eval().requires_grad_(False)
    images = (torch.zeros(1, channels, rows, lines) for channels in (1, 1, 2))
    return pair, (*images, torch.zeros(2, 2), *net.zero_state((rows, lines)))


@dataclass(frozen=True, slots=True, eq=False)
class _Proposal:
    """Where the newest pair left its state, and of which frames."""

    plan: Plan
    bank: int
    pre: FrameArray
    post: FrameArray


class DevicePublished:
    """`engine.musse.published_chain.PublishedChain` on `device`, for RF frames: see `DeviceFrames`."""

    def __init__(
        self,
        spec: EngineSpec,
        net: MusseNet,
        manifest: Manifest,
        *,
        name: str,
        device: torch.device,
        make_step: MakeStep,
        replace: Replace = unchanged,
    ) -> None:
        self.model_hash, self.shared = manifest.model_hash, manifest.errors.shared
        self._newest: _Proposal | None = None
        self._committed: _Proposal | None = None

        def make_plan(grid: IqGrid, sample_type: np.dtype[np.generic], slots: int) -> Plan:
            return Plan(
                spec.shape,
                grid,
                published_program(spec, grid, net, replace),
                sample_type=sample_type,
                slots=slots,
                device=device,
                make_step=make_step,
            )

        self._frames = DeviceFrames(spec, name, make_plan)

    @property
    def name(self) -> str:
        """The engine's that the newest pair ran on; before it, the one given."""
        return self._frames.engine

    @property
    def note(self) -> str:
        """Why that engine was taken and not a better one."""
        return self._frames.note

    def ready(self, pre: FrameArray) -> bool:
        """See `engine.musse.chain.Chain`."""
        return self._frames.ready(pre)

    def pair(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch) -> Found:
        """See `engine.musse.published_chain.PublishedChain`."""
        carry = Carry()

        def carry_on(plan: Plan) -> Carry:
            nonlocal carry
            carry = self._carry(plan, pre)
            return carry

        result, plan = self._frames.compute(pre, post, stopwatch, carry_on)
        self._newest = _Proposal(plan, carry.write, pre.copy(), post.copy())
        return Found(result.maps, rf_pitch(plan.grid), self._newest, carry.kind == FRESH)

    def commit(self, memory: Any) -> None:
        """Make the newest pair's state the current one. Raises EngineError for that of another pair."""
        if memory is not self._newest:
            raise EngineError("only the newest pair can be committed: the states of others are overwritten")
        self._committed = memory

    def reset(self) -> None:
        """See `engine.musse.published_chain.PublishedChain`."""
        self._newest = self._committed = None
        self._frames.reset()

    def _carry(self, plan: Plan, pre: FrameArray) -> Carry:
        last = self._committed
        if last is None or last.plan is not plan:
            return Carry(read=0, write=1, kind=FRESH)
        kind = FRESH
        if np.array_equal(last.pre, pre):
            kind = KEPT
        elif np.array_equal(last.post, pre):
            kind = MOVED
        return Carry(read=last.bank, write=(last.bank + 1) % BANKS, kind=kind)
