"""MUSSE-Net: a USSE-Net, and a second one that sees what the first left over.

D1     = USSE-Net(pre, post)
R      = USSE-Net(pre, post warped by D1)
D      = R + D1 warped by R
strain = LSSE(axial component of D)
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from engine.network.configuration import PAPER, UsseConfiguration
from engine.network.decoder import State
from engine.network.lsse import LeastSquaresStrain
from engine.network.resample import warp
from engine.network.upsample import BandLimitedWarp
from engine.network.usse import UsseNet


@dataclass(frozen=True, slots=True, kw_only=True)
class MusseConfiguration:
    """Two stages and the strain of their displacement."""

    window: int
    """Samples of the strain window, odd."""
    stage: UsseConfiguration = PAPER
    """Of both stages. Whether they share weights is not stated; chosen: own ones, because the first sees
    tens of samples of motion and the second fractions of one."""


class MusseNet(nn.Module):
    """Two stages, trained together: the gradient of the second reaches the first through the warped image
    and through the composition. Whether the authors train them in turn is not stated; chosen: at once,
    because that leaves one schedule to choose instead of two."""

    def __init__(self, configuration: MusseConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.stages = nn.ModuleList(UsseNet(configuration.stage) for _ in range(2))
        self.warp = BandLimitedWarp()
        self.lsse = LeastSquaresStrain(configuration.window)

    def forward(self, pre: Tensor, post: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """(displacement (b, 2, rows, lines), strain (b, 1, rows, lines), new state).

        `pre` and `post` are RF (b, 1, rows, lines), float32, of about unit variance: gain is the caller's.
        Displacement is in samples (channel 0) and lines (1), from pre to post; strain is du/dz, negative
        where tissue is compressed. Each stage remembers on its own.
        """
        _, displacement, state = self.displacements(pre, post, state)
        return displacement, self.lsse(displacement[:, :1]), state

    def displacements(self, pre: Tensor, post: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Displacement after the first and after both stages, and the new state: see `forward`."""
        middle = len(state) // 2
        first, state1 = self.stages[0](pre, post, torch.cat((pre, post), dim=1), state[:middle])
        first = first.float()  # positions in half precision are wrong at depth
        # the original post, warped once: warping a warped image would smooth it twice
        aligned = self.warp(post, first)
        residual, state2 = self.stages[1](pre, aligned, torch.cat((pre, aligned), dim=1), state[middle:])
        # pre(z) matches aligned(z + R), that is post(z + R + D1(z + R)): a plain sum forgets that shift
        residual = residual.float()
        return first, residual + warp(first, residual), (*state1, *state2)

    def zero_state(
        self, size: tuple[int, int], *, batch: int = 1, device: torch.device | str = "cpu"
    ) -> State:
        """The state before the first pair of images of `size` = (rows, lines).

        No two entries are the same tensor: exporters treat one tensor passed twice as one input, and the
        second stage would then read the state of the first.
        """
        first, second = (
            cast(UsseNet, self.stages[0]).zero_state(size, batch=batch, device=device) for _ in range(2)
        )
        return (*first, *second)
