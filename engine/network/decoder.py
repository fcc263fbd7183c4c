"""The decoder: Cross-Attentive Fusion (CAF), a ConvLSTM and a head on every level, coarse to fine."""

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from engine.network.attention import TriCrossAttention
from engine.network.configuration import UsseConfiguration
from engine.network.layers import conv, conv_norm, cropped, doubled, size_of

State: TypeAlias = tuple[Tensor, ...]
"""Hidden and cell map of every level, coarsest first: (h, c, h, c, ...), each (b, width, rows, lines); empty
for a network without memory."""


class ConvLstm(nn.Module):
    """A ConvLSTM cell whose input, hidden and cell maps have `width` channels. Keeps no state itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.gates = conv(2 * width, 4 * width)
        nn.init.xavier_normal_(self.gates.weight)  # He's variance would start sigmoids saturated
        if self.gates.bias is not None:
            nn.init.ones_(self.gates.bias[width : 2 * width])  # remember, until learnt otherwise

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """(hidden, cell) after this frame, from those of the frame before."""
        gates: Tensor = self.gates(torch.cat((x, hidden), dim=1))
        n = self.width
        # slices, because autocast and some compilers stumble over chunk
        admit, keep = gates[:, :n].sigmoid(), gates[:, n : 2 * n].sigmoid()
        show, candidate = gates[:, 2 * n : 3 * n].sigmoid(), gates[:, 3 * n :].tanh()
        cell = keep * cell + admit * candidate
        return show * cell.tanh(), cell


class CrossAttentiveFusion(nn.Module):
    """CAF: the skips of a level and the hidden map of the coarser one -> (b, width, h, w).

        t  = TCA(r_mid, s_post, s_pre)
        u1 = transposed convolution of coarse,  u2 = bilinear upsampling of coarse
        y  = BN(conv([t, u1, u2]))

    The transposed convolution is 2 x 2 with stride 2 (its size is not stated): pixels of neighbours do not
    overlap, so it draws no chequers.
    """

    def __init__(self, coarse: int, width: int, configuration: UsseConfiguration) -> None:
        super().__init__()
        self.attention = TriCrossAttention(width, width, configuration)
        self.transposed = nn.ConvTranspose2d(coarse, width, 2, stride=2)
        nn.init.normal_(self.transposed.weight, std=coarse**-0.5)  # one tap of each input meets an output
        self.fusion = conv_norm(2 * width + coarse, width, configuration.normalisation)

    def forward(self, coarse: Tensor, r_mid: Tensor, s_post: Tensor, s_pre: Tensor) -> Tensor:
        """y, of the skips' size."""
        size = size_of(r_mid)
        t = self.attention(r_mid, s_post, s_pre)
        u1 = cropped(self.transposed(coarse), size)
        u2 = doubled(coarse, size)
        y: Tensor = self.fusion(torch.cat((t, u1, u2), dim=1))
        return y


class Decoder(nn.Module):
    """From the bottleneck (b, bottleneck, h/16, w/16) and the skips to the output (b, output_channels, h, w).

    The output is the sum of every level's head, each upsampled bilinearly (level by level, so that each
    doubling is paid once). Heads start at zero: an untrained network moves nothing.
    """

    def __init__(self, configuration: UsseConfiguration) -> None:
        super().__init__()
        hidden = configuration.hidden
        self.fusions = nn.ModuleList(
            CrossAttentiveFusion(hidden[level], hidden[level + 1], configuration)
            for level in range(len(hidden) - 1)
        )
        self.has_memory = configuration.recurrent != "none"
        self.memories = nn.ModuleList(ConvLstm(width) for width in (hidden if self.has_memory else ()))
        self.heads = nn.ModuleList(conv(width, configuration.output_channels) for width in hidden)
        for head in self.heads:
            for parameter in head.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self, y: Tensor, r_mid: list[Tensor], s_post: list[Tensor], s_pre: list[Tensor], state: State
    ) -> tuple[Tensor, State]:
        """(output, new state); the skips come finest first."""
        memory: list[Tensor] = []
        h = self._remember(0, y, state, memory)
        output: Tensor = self.heads[0](h)
        for level, fusion in enumerate(self.fusions, start=1):
            mid, post, pre = r_mid[-level], s_post[-level], s_pre[-level]
            h = self._remember(level, fusion(h, mid, post, pre), state, memory)
            output = doubled(output, size_of(mid)) + self.heads[level](h)
        return output, tuple(memory)

    def _remember(self, level: int, y: Tensor, state: State, memory: list[Tensor]) -> Tensor:
        if not self.has_memory:
            return relu(y)
        h: Tensor
        h, c = self.memories[level](y, state[2 * level], state[2 * level + 1])
        memory += [h, c]
        return h
