"""The seam between the published network's estimator and what computes: frames in, maps and a state out."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.musse.manifest import Manifest
from engine.musse.published_pair import PublishedPair, moved_with_tissue
from engine.network.decoder import State
from engine.network.musse import MusseNet
from engine.spec import EngineSpec, FloatArray, FrameArray, Stopwatch
from engine.tracking.affine import AffineMotion
from engine.tracking.canonical_rf import canonical_rf, rf_pitch
from engine.tracking.iq import IqGrid
from engine.tracking.preparation import Preparation


class Found(NamedTuple):
    """What a pair gave, and the memory that `commit` takes."""

    maps: FloatArray
    """(`published_pair.MAPS`, rows, lines)"""
    pitch: float
    """Samples between two rows."""
    memory: Any
    fresh: bool
    """Whether the pair started from the zero state."""


class PublishedChain(Protocol):
    """Computes pairs of one acquisition; what it remembers changes on `commit` and `reset` alone."""

    model_hash: str
    shared: float

    @property
    def name(self) -> str:
        """The engine's."""
        ...

    @property
    def note(self) -> str:
        """Why this engine was taken and not a better one."""
        ...

    def pair(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch) -> Found:
        """Maps of a pair. Raises as `engine.musse.chain.Chain.maps`."""
        ...

    def commit(self, memory: Any) -> None:
        """Make what a pair left the memory of the next."""
        ...

    def ready(self, pre: FrameArray) -> bool:
        """See `engine.musse.chain.Chain`."""
        ...

    def reset(self) -> None:
        """Forget every earlier pair and frame."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    pre: FrameArray
    post: FrameArray
    grid: IqGrid
    state: State
    """On pre's grid."""
    displacement: Tensor
    """(1, 2, rows, lines) from pre to post, canonical rows and lines."""


class HostPublished:
    """The front end in NumPy, then the network in PyTorch on `device`."""

    name = "eager"
    note = ""

    def __init__(self, spec: EngineSpec, net: MusseNet, manifest: Manifest, device: torch.device) -> None:
        self._spec, self._device, self._net = spec, device, net
        self.model_hash, self.shared = manifest.model_hash, manifest.errors.shared
        self._preparation = Preparation(spec, every_row=True)
        self._memory: _Memory | None = None
        self._grid: IqGrid | None = None

    def pair(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch) -> Found:
        """See `PublishedChain`."""
        with stopwatch("prepare"):
            pair = self._preparation.prepare(pre, post)
            images = [
                torch.from_numpy(canonical_rf(frame, pair.grid)).to(self._device)[None, None]
                for frame in (pair.pre, pair.post)
            ]
            affine = AffineMotion.of(pair.start, pair.front)
            state = self._state(pre, pair.grid)
            fresh = state is None
        with stopwatch("infer"), torch.inference_mode():
            size = (images[0].shape[-2], images[0].shape[-1])
            state = self._net.zero_state(size, device=self._device) if state is None else state
            motion = torch.from_numpy(affine.at(*(np.arange(n, dtype=np.float32) for n in size)))[None]
            slopes = torch.from_numpy(affine.slopes).to(images[0])
            program = self._program(pair.grid)
            maps, displacement, *left = program(*images, motion.to(self._device), slopes, *state)
            memory = _Memory(pre.copy(), post.copy(), pair.grid, tuple(left), displacement)
            return Found(maps[0].cpu().numpy(), rf_pitch(pair.grid), memory, fresh)

    def commit(self, memory: Any) -> None:
        """See `PublishedChain`."""
        self._memory = memory

    def ready(self, pre: FrameArray) -> bool:
        """Always: see `PublishedChain`."""
        return True

    def reset(self) -> None:
        """See `PublishedChain`."""
        self._memory = None
        self._preparation.reset()

    def _program(self, grid: IqGrid) -> PublishedPair:
        """Built again only when the measured carrier moves."""
        if grid != self._grid:
            self._built, self._grid = PublishedPair(self._net, self._spec, grid).to(self._device), grid
        return self._built

    def _state(self, pre: FrameArray, grid: IqGrid) -> State | None:
        """The last pair's state on the grid of `pre`; None where this pair does not go on from it."""
        memory = self._memory
        if memory is None or memory.grid != grid:
            return None
        if np.array_equal(memory.pre, pre):
            return memory.state
        if not np.array_equal(memory.post, pre):
            return None
        with torch.inference_mode():
            return moved_with_tissue(memory.state, memory.displacement)
