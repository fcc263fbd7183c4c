"""Tri-Cross Attention (TCA): what pre, post and their fusion agree on weighs the fusion."""

import torch
from torch import Tensor, nn

from engine.network.configuration import UsseConfiguration
from engine.network.layers import conv


class TriCrossAttention(nn.Module):
    """Three maps of `inputs` channels -> (b, outputs, h, w), at a cost linear in the pixels.

        p, q, m, v = conv(pre), conv(post), conv(mid), conv(mid)
        attention  = sigmoid(conv([p * q, p * m, q * m]))
        result     = conv(attention * v)

    The products are element-wise (inferred: the block also runs at full resolution). Only the last
    convolution widens (chosen: the drawn network then has the size its figure suggests).
    """

    def __init__(self, inputs: int, outputs: int, configuration: UsseConfiguration) -> None:
        super().__init__()
        kernel = configuration.attention_kernel
        self.p = conv(inputs, inputs, kernel)
        self.q = conv(inputs, inputs, kernel)
        self.m = conv(inputs, inputs, kernel)
        self.v = conv(inputs, inputs, kernel)
        self.attention = conv(3 * inputs, inputs, kernel)
        self.result = conv(inputs, outputs, kernel)

    def forward(self, mid: Tensor, post: Tensor, pre: Tensor) -> Tensor:
        """Attended mid, of the maps' size."""
        p, q, m, v = self.p(pre), self.q(post), self.m(mid), self.v(mid)
        weight: Tensor = self.attention(torch.cat((p * q, p * m, q * m), dim=1))
        attended: Tensor = self.result(weight.sigmoid() * v)
        return attended
