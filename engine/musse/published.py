"""The published network as an engine: two USSE-Net stages on canonical RF, with explicit ConvLSTM state.

Post is first aligned with pre by the affine part of their motion; the network finds the rest.

The state of a pair lies on its pre frame's grid. It is carried on where the next pair starts at the same
frame (a key frame), or at the frame that the last committed pair ended with: then it is moved along with
the tissue first. Any other pair starts from the zero state.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from engine.errors import EstimateFailed
from engine.musse.checkpoint import load_published
from engine.musse.output_grid import OutputGrid, along_depth
from engine.musse.program_io import MIN_NCC
from engine.network.decoder import State
from engine.network.lsse import LeastSquaresStrain
from engine.network.resample import warp
from engine.network.upsample import BandLimitedWarp
from engine.spec import (
    Device,
    EngineSpec,
    ErrorModel,
    FloatArray,
    FrameArray,
    Stopwatch,
    StrainResult,
    no_stopwatch,
)
from engine.strain.bound import BoundCase, strain_std_at
from engine.tracking.affine import AffineMotion
from engine.tracking.canonical_rf import canonical_rf, rf_pitch
from engine.tracking.iq import IqGrid
from engine.tracking.preparation import Preparation
from engine.tracking.torch_device import torch_device

ASSUMED_BANDWIDTH = 0.6  # of the pulse, for the bound alone


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a pair leaves for the next one."""

    pre: FrameArray
    post: FrameArray
    grid: IqGrid
    state: State
    """On pre's grid."""
    displacement: Tensor
    """(1, 2, rows, lines) from pre to post, canonical rows and lines."""


class PublishedEstimator:
    """MUSSE-Net as published; see `engine.estimator.Estimator`. One thread.

    Strain is the slope over `spec.axial_window`; `spec.lateral_window` counts only for the correlation.
    `strain_std` is the closed-form bound at the local correlation: it does not cover what the network gets
    wrong although the frames match. Raises EngineUnavailable, InvalidAcquisition.
    """

    name = "eager"
    precision = "float32"
    note = ""

    def __init__(self, spec: EngineSpec, weights: Path, device: Device = "cpu") -> None:
        self.spec = spec
        net, manifest = load_published(weights)
        self._device = torch_device(device)
        self._net = net.to(self._device)
        self._warp = BandLimitedWarp().to(self._device)
        self.model_hash: str | None = manifest.model_hash
        self._shared = manifest.errors.shared
        self._preparation = Preparation(spec, every_row=True)
        self._output = OutputGrid(spec)
        self._memory: Memory | None = None

    @property
    def error_model(self) -> ErrorModel:
        """See `Estimator`."""
        return ErrorModel(window=None, shared=self._shared)

    def propose(self, pre: FrameArray, post: FrameArray, stopwatch: Stopwatch = no_stopwatch) -> StrainResult:
        """Estimate strain from pre to post: see `engine.estimator.Estimator.propose`.

        Raises InvalidAcquisition for frames of another shape or kind, EstimateFailed for samples that are not
        finite and for frames without signal.
        """
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
            alignment = torch.from_numpy(affine.at(*(np.arange(n, dtype=np.float32) for n in size)))[None]
            alignment = alignment.to(self._device)
            aligned = self._warp(images[1], alignment)
            _, residual, state = self._net.displacements(images[0], aligned, state)
            # pre(p) matches aligned(p + r), that is post(p + r + alignment(p + r))
            steeper = torch.from_numpy(affine.slopes).to(residual)
            displacement = alignment + residual + torch.einsum("ij,bjrl->birl", steeper, residual)
        with stopwatch("post"), torch.inference_mode():
            pitch = rf_pitch(pair.grid)
            window = max(3, round(self.spec.axial_window / self.spec.sample_pitch / pitch) | 1)
            strain = LeastSquaresStrain(window).to(self._device)(displacement[:, :1])
            ncc = self._correlation(images[0], images[1], displacement, window)
            maps = torch.cat((displacement[0, :1] * pitch, displacement[0, 1:], strain[0], ncc[0]))
            if not bool(torch.isfinite(maps).all()):
                raise EstimateFailed(f"the network gave values that are not finite ({self.name})")
            rows = (np.arange(size[0]) * pitch).astype(np.float32)
            axial, lateral, slope, match = (
                along_depth(values, rows, self._output.axial_index) for values in maps.cpu().numpy()
            )
            memory = Memory(pre.copy(), post.copy(), pair.grid, state, displacement)
            return StrainResult(
                axial_displacement=axial,
                lateral_displacement=lateral,
                axial_strain=slope,
                strain_std=self._std(match),
                ncc=match,
                axial_index=self._output.axial_index,
                lateral_index=np.arange(self.spec.shape[1], dtype=np.float32),
                state=memory,
                fresh_state=fresh,
            )

    def ready(self, pre: FrameArray) -> bool:
        """Always: see `Estimator`."""
        return True

    def commit(self, result: StrainResult) -> None:
        """Make the state that `result` carries the current one."""
        self._memory = result.state

    def reset(self) -> None:
        """Forget every earlier pair."""
        self._memory = None
        self._preparation.reset()

    def step(self, pre: FrameArray, post: FrameArray) -> StrainResult:
        """`propose` and `commit` in one call."""
        result = self.propose(pre, post)
        self.commit(result)
        return result

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
            # what is at z in post was at about z - u(z) in pre: good to the strain times the motion
            return tuple(_moved(values, -memory.displacement) for values in memory.state)

    def _correlation(self, pre: Tensor, post: Tensor, displacement: Tensor, window: int) -> Tensor:
        """(1, 1, rows, lines) local correlation of pre and warped post, -1 to 1."""
        moved = self._warp(post, displacement)
        width = max(1, round(self.spec.lateral_window / self.spec.line_spacing)) | 1
        reach = (window // 2, width // 2)

        def local(values: Tensor) -> Tensor:
            return avg_pool2d(values, (window, width), stride=1, padding=reach, count_include_pad=False)

        power = local(pre * pre) * local(moved * moved)
        return (local(pre * moved) / power.clamp(min=1e-12).sqrt()).clamp(-1.0, 1.0)

    def _std(self, ncc: FloatArray) -> FloatArray:
        """Standard deviation of strain at each correlation; inf where there is no information."""
        spec = self.spec
        case = BoundCase(
            center_frequency=spec.center_frequency,
            fractional_bandwidth=ASSUMED_BANDWIDTH,
            axial_window=spec.axial_window,
            lateral_window=spec.line_spacing,  # strain is fitted line by line
            line_pitch=spec.line_spacing,
            sound_speed=spec.sound_speed,
        )
        std = strain_std_at(np.clip(ncc, MIN_NCC, 0.99999), case)
        return np.asarray(np.where(ncc < MIN_NCC, np.inf, std), np.float32)


def _moved(values: Tensor, displacement: Tensor) -> Tensor:
    """A state tensor (1, width, rows / 2^k, lines / 2^k) moved by a displacement of full size."""
    size = values.shape[-2:]
    scale = torch.tensor([size[0] / displacement.shape[-2], size[1] / displacement.shape[-1]])
    reduced = interpolate(displacement, size=size, mode="bilinear", align_corners=False)
    return warp(values, reduced * scale.to(displacement)[None, :, None, None])
