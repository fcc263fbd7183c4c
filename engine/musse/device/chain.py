"""`DeviceChain`: the whole frame on one device, and which frame lies where on it."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from engine.errors import InvalidAcquisition
from engine.musse.cells import CellGrid
from engine.musse.device.plan import ANY_SLOT, Plan, Replace, StepResult, unchanged
from engine.musse.device.step import MakeStep
from engine.musse.manifest import Manifest
from engine.musse.program import LiveProgram
from engine.musse.program_io import LiveOutputs
from engine.musse.runtimes.policy import with_policy
from engine.spec import POLICIES, EngineSpec, FloatArray, FrameArray, Policy, Stopwatch, no_stopwatch
from engine.tracking.frame_memory import FrameMemory, capacity_for
from engine.tracking.iq import IqGrid, IqTransform, check_finite, check_not_flat

PLANS: Final = 3  # that stay on the device: a carrier at a step's edge moves between two grids

PlanKey = tuple[IqGrid, str]


@dataclass(slots=True, eq=False)
class _Placed:
    """A frame, and where it lies on the device."""

    carrier: float
    slot: int
    plan: Plan | None
    """None before the frame was normalised on any plan that is left."""


class DeviceChain:
    """`engine.musse.chain.Chain` on `device`, for RF frames.

    Each frame is uploaded and normalised once and stays in a slot. The grid of a pair follows from the pre
    frame's carrier, which came down with the maps of an earlier pair: the host waits for the device once per
    pair. Only the carrier of a frame that was in no pair before is measured on the host.
    """

    def __init__(
        self,
        spec: EngineSpec,
        program: LiveProgram,
        manifest: Manifest,
        *,
        name: str,
        policy: Policy,
        device: torch.device,
        make_step: MakeStep,
        replace: Replace = unchanged,
    ) -> None:
        if spec.kind != "rf":
            raise InvalidAcquisition(f"engine {name!r} takes RF, not {spec.kind!r} frames: use engine eager")
        self._name, self.precision = name, POLICIES[policy]
        self.model_hash, self.errors = manifest.model_hash, manifest.errors
        self._spec, self._program = spec, with_policy(program, policy)
        self._device, self._make_step, self._replace = device, make_step, replace
        self._transform = IqTransform(spec)
        self._memory: FrameMemory[_Placed] = FrameMemory(capacity_for(spec.shape))
        self._free = list(range(self._memory.capacity + 1))  # one more: post gets its own before another goes
        self._plans: OrderedDict[PlanKey, Plan] = OrderedDict()
        self._grid: IqGrid | None = None
        self._used: Plan | None = None  # of the newest pair

    @property
    def name(self) -> str:
        """The engine's that the newest pair ran on; before it, the one given."""
        return self._name if self._used is None else self._used.engine

    @property
    def note(self) -> str:
        """Why that engine was taken and not a better one."""
        return "" if self._used is None else self._used.note

    def ready(self, pre: FrameArray) -> bool:
        """See `engine.musse.chain.Chain`."""
        before = self._memory.find(pre) or self._first_seen(pre)
        return (self._transform.grid(before.carrier, near=self._grid), pre.dtype.str) in self._plans

    def maps(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> tuple[LiveOutputs[FloatArray], CellGrid]:
        """See `engine.musse.chain.Chain`."""
        self._transform.check(post)
        with stopwatch("prepare"):
            before = self._memory.find(pre) or self._first_seen(pre)
            self._grid = self._transform.grid(before.carrier, near=self._grid)
            self._used = plan = self._plan(self._grid, post.dtype)
            if before.plan is not plan:
                plan.run(pre, ANY_SLOT, before.slot)
                before.plan = plan
        with stopwatch("infer"):
            return self._pair(plan, before, post).maps, plan.cells

    def reset(self) -> None:
        """Forget every earlier frame: the working grid is chosen anew."""
        self._grid = None
        self._memory.clear()
        self._free = list(range(self._memory.capacity + 1))

    def _pair(self, plan: Plan, before: _Placed, post: FrameArray) -> StepResult:
        """Run a pair; post is remembered only if it can be used."""
        after = self._memory.find(post)
        slot = self._free[-1] if after is None else after.slot
        result = plan.run(post, before.slot, slot)
        check_finite(result.measured.peak)
        self._transform.check_signal(result.measured.power)
        check_not_flat(result.measured.signal)
        if after is None:
            after = _Placed(result.measured.carrier, self._free.pop(), plan)
            self._remember(post, after, keep=True)
        after.plan = plan
        return result

    def _first_seen(self, frame: FrameArray) -> _Placed:
        """A pre frame that was in no pair before: its carrier is measured on the host."""
        carrier = self._transform.carrier(self._transform.band(frame))
        placed = _Placed(carrier, self._free.pop(), None)
        self._remember(frame, placed, keep=False)
        return placed

    def _remember(self, frame: FrameArray, placed: _Placed, *, keep: bool) -> None:
        gone = self._memory.update(frame, placed, keep=keep)
        if gone is not None:
            self._free.append(gone.slot)

    def _plan(self, grid: IqGrid, sample_type: np.dtype[np.generic]) -> Plan:
        """The plan of a grid, built where there is none; the one not used for longest goes."""
        key = (grid, sample_type.str)
        if key not in self._plans:
            self._plans[key] = Plan(
                self._spec,
                grid,
                self._program,
                sample_type=sample_type,
                slots=self._memory.capacity + 1,
                device=self._device,
                make_step=self._make_step,
                replace=self._replace,
            )
            if len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return self._plans[key]
