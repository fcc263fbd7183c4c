"""`DeviceChain`: the live network with the whole frame on one device."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from engine.musse.cells import CellGrid
from engine.musse.device.frames import DeviceFrames
from engine.musse.device.plan import Plan, Replace, live_program, unchanged
from engine.musse.device.step import MakeStep
from engine.musse.manifest import Manifest
from engine.musse.program import LiveProgram
from engine.musse.program_io import LiveOutputs
from engine.musse.runtimes.policy import with_policy
from engine.spec import POLICIES, EngineSpec, FloatArray, FrameArray, Policy, Stopwatch, no_stopwatch
from engine.tracking.iq import IqGrid


class DeviceChain:
    """`engine.musse.chain.Chain` on `device`, for RF frames: see `DeviceFrames`."""

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
        self.precision = POLICIES[policy]
        self.model_hash, self.errors = manifest.model_hash, manifest.errors
        in_policy = with_policy(program, policy)

        def make_plan(grid: IqGrid, sample_type: np.dtype[np.generic], slots: int) -> Plan:
            return Plan(
                spec.shape,
                grid,
                live_program(spec, grid, in_policy, replace),
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

    def maps(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> tuple[LiveOutputs[FloatArray], CellGrid]:
        """See `engine.musse.chain.Chain`."""
        computed = self._frames.compute(pre, post, stopwatch)
        return LiveOutputs(*computed.result.maps), computed.plan.cells

    at_once = False
    """One graph, one set of slots."""

    def begin(
        self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch
    ) -> Callable[[], tuple[LiveOutputs[FloatArray], CellGrid]]:
        """Nothing yet: preparing a frame is part of the graph."""
        return partial(self.maps, pre, post, stopwatch)

    def reset(self) -> None:
        """Forget every earlier frame: the working grid is chosen anew."""
        self._frames.reset()
