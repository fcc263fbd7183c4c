"""Frames on a device: which lies in which slot of which plan, and the grid that a pair is computed on."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from engine.errors import InvalidAcquisition
from engine.musse.device.plan import ANY_SLOT, NO_CARRY, Carry, Plan, StepResult
from engine.spec import EngineSpec, FrameArray, Stopwatch
from engine.tracking.frame_memory import FrameMemory, capacity_for
from engine.tracking.iq import IqGrid, IqTransform, check_finite, check_not_flat

PLANS: Final = 3  # that stay on the device: a carrier at a step's edge moves between two grids

PlanKey = tuple[IqGrid, str]
MakePlan = Callable[[IqGrid, np.dtype[np.generic], int], Plan]
"""The plan of a grid, a sample type and so many slots."""


@dataclass(slots=True, eq=False)
class _Placed:
    """A frame, and where it lies on the device."""

    carrier: float
    slot: int
    plan: Plan | None
    """None before the frame was normalised on any plan that is left."""


class Computed(NamedTuple):
    """One pair, and the plan that computed it."""

    result: StepResult
    plan: Plan


class DeviceFrames:
    """RF frames of one acquisition on a device.

    Each frame is uploaded and normalised once and stays in a slot. The grid of a pair follows from the pre
    frame's carrier, which came down with the maps of an earlier pair: the host waits for the device once per
    pair. Only the carrier of a frame that was in no pair before is measured on the host. `engine` is the name
    before the first pair. Raises InvalidAcquisition for IQ.
    """

    def __init__(self, spec: EngineSpec, engine: str, make_plan: MakePlan) -> None:
        if spec.kind != "rf":
            raise InvalidAcquisition(
                f"engine {engine!r} takes RF, not {spec.kind!r} frames: use engine eager"
            )
        self._engine, self._make_plan = engine, make_plan
        self._transform = IqTransform(spec)
        self._memory: FrameMemory[_Placed] = FrameMemory(capacity_for(spec.shape))
        self._free = list(range(self._memory.capacity + 1))  # one more: post gets its own before another goes
        self._plans: OrderedDict[PlanKey, Plan] = OrderedDict()
        self._grid: IqGrid | None = None
        self._used: Plan | None = None  # of the newest pair

    @property
    def engine(self) -> str:
        """Name of the engine that the newest pair ran on."""
        return self._engine if self._used is None else self._used.engine

    @property
    def note(self) -> str:
        """Why that engine was taken and not a better one."""
        return "" if self._used is None else self._used.note

    def ready(self, pre: FrameArray) -> bool:
        """See `engine.musse.chain.Chain`."""
        before = self._memory.find(pre) or self._first_seen(pre)
        return (self._transform.grid(before.carrier, near=self._grid), pre.dtype.str) in self._plans

    def compute(
        self,
        pre: FrameArray,
        post: FrameArray,
        stopwatch: Stopwatch,
        carry_on: Callable[[Plan], Carry] = lambda plan: NO_CARRY,
    ) -> Computed:
        """Run a pair on the plan of its grid; `carry_on` gives what it takes of an earlier pair there.

        Raises as `engine.musse.chain.Chain.maps`.
        """
        self._transform.check(post)
        with stopwatch("prepare"):
            before = self._memory.find(pre) or self._first_seen(pre)
            self._grid = self._transform.grid(before.carrier, near=self._grid)
            self._used = plan = self._plan(self._grid, post.dtype)
            carry = carry_on(plan)
            if before.plan is not plan:
                plan.run(pre, ANY_SLOT, before.slot, Carry(carry.read, carry.write))
                before.plan = plan
        with stopwatch("infer"):
            return Computed(self._pair(plan, before, post, carry), plan)

    def reset(self) -> None:
        """Forget every earlier frame: the working grid is chosen anew."""
        self._grid = None
        self._memory.clear()
        self._free = list(range(self._memory.capacity + 1))

    def _pair(self, plan: Plan, before: _Placed, post: FrameArray, carry: Carry) -> StepResult:
        """Run a pair; post is remembered only if it can be used."""
        after = self._memory.find(post)
        slot = self._free[-1] if after is None else after.slot
        result = plan.run(post, before.slot, slot, carry)
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
            self._plans[key] = self._make_plan(grid, sample_type, self._memory.capacity + 1)
            if len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return self._plans[key]
