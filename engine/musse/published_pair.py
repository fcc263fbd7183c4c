"""The published network on one pair as a program of static shape, and the state that a pair leaves."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from engine.network.decoder import State
from engine.network.lsse import LeastSquaresStrain
from engine.network.musse import MusseNet
from engine.network.resample import warp
from engine.network.upsample import BandLimitedWarp
from engine.spec import EngineSpec
from engine.tracking.canonical_rf import rf_pitch
from engine.tracking.iq import IqGrid

MAPS = 4
"""Axial displacement in samples, lateral in lines, strain, correlation."""


class PublishedPair(nn.Module):
    """Canonical RF of pre and post, their affine motion and the state -> maps, displacement, new state.

    The part that TensorRT compiles: no transform, no choice, every size known. Strain is the slope over
    `spec.axial_window`; `spec.lateral_window` counts only for the correlation.
    """

    def __init__(self, net: MusseNet, spec: EngineSpec, grid: IqGrid) -> None:
        super().__init__()
        self.net = net
        self.warp = BandLimitedWarp()
        self.pitch = rf_pitch(grid)
        window = max(3, round(spec.axial_window / spec.sample_pitch / self.pitch) | 1)
        width = max(1, round(spec.lateral_window / spec.line_spacing)) | 1
        self.lsse = LeastSquaresStrain(window)
        self.window, self.reach = (window, width), (window // 2, width // 2)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """`pre`, `post` (1, 1, rows, lines), `affine` (1, 2, rows, lines), `slopes` (2, 2), state ->
        maps (1, MAPS, rows, lines), displacement (1, 2, rows, lines) in canonical rows and lines, state.
        """
        pre, post, affine, slopes, *state = inputs
        aligned = self.warp(post, affine)
        _, residual, left = self.net.displacements(pre, aligned, tuple(state))
        # pre(p) matches aligned(p + r), that is post(p + r + affine(p + r))
        displacement = affine + residual + torch.einsum("ij,bjrl->birl", slopes, residual)
        strain = self.lsse(displacement[:, :1])
        ncc = self._correlation(pre, post, displacement)
        maps = torch.cat((displacement[:, :1] * self.pitch, displacement[:, 1:], strain, ncc), dim=1)
        return (maps, displacement, *left)

    def _correlation(self, pre: Tensor, post: Tensor, displacement: Tensor) -> Tensor:
        """(1, 1, rows, lines) local correlation of pre and warped post, -1 to 1."""
        aligned = self.warp(post, displacement)

        def local(values: Tensor) -> Tensor:
            return avg_pool2d(values, self.window, stride=1, padding=self.reach, count_include_pad=False)

        power = local(pre * pre) * local(aligned * aligned)
        return (local(pre * aligned) / power.clamp(min=1e-12).sqrt()).clamp(-1.0, 1.0)


def moved_with_tissue(state: State, displacement: Tensor) -> State:
    """The state of a pair, on its pre frame's grid, on the grid of its post frame.

    What is at z in post was at about z - u(z) in pre: good to the strain times the motion.
    """
    return tuple(_moved(values, -displacement) for values in state)


def _moved(values: Tensor, displacement: Tensor) -> Tensor:
    """A state tensor (1, width, rows / 2^k, lines / 2^k) moved by a displacement of full size."""
    size = values.shape[-2:]
    reduced = interpolate(displacement, size=size, mode="bilinear", align_corners=False)
    along, across = (fine / full for fine, full in zip(size, displacement.shape[-2:], strict=True))
    return warp(values, torch.cat((reduced[:, :1] * along, reduced[:, 1:] * across), dim=1))
