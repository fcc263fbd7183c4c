"""The encoder's block and the streams made of it: pre, post, and mid, which CACFF fuses with both."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad, relu

from engine.network.configuration import UsseConfiguration
from engine.network.layers import conv, conv_norm


class EncoderBlock(nn.Module):
    """One level of a stream: (b, inputs, h, w) -> features (b, outputs, ceil(h/2), ceil(w/2)) and skip
    (b, outputs, h, w).

    As drawn, with four convolutions:

        a = BN(conv(x))                    the skip (inferred: the tap before the pooling)
        b = ReLU(BN(conv(ReLU(a))))
        d = BN(conv(b))                    or conv(b): `configuration.third`
        f = MaxPool(conv(a + d))

    With two convolutions b is the skip and f = MaxPool(b).
    """

    def __init__(self, inputs: int, outputs: int, configuration: UsseConfiguration) -> None:
        super().__init__()
        norm = configuration.normalisation
        self.first = conv_norm(inputs, outputs, norm)
        self.second = conv_norm(outputs, outputs, norm)
        self.deep = configuration.convs == 4
        if self.deep:
            self.branch = conv_norm(
                outputs, outputs, "batch" if configuration.third == "batch-norm" else "none"
            )
            self.last = conv(outputs, outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(features, skip)."""
        a: Tensor = self.first(x)
        b = relu(self.second(relu(a)))
        if not self.deep:
            return halved(b), b
        d: Tensor = self.branch(b)
        return halved(self.last(a + d)), a


def halved(image: Tensor) -> Tensor:
    """Max-pooled 2 x 2; an odd last row or line is a pool of its own, so that any size can be halved.

    The last row and line are repeated instead of `ceil_mode`, which torch-tensorrt does not convert. A
    repeated value never changes a maximum, and an even size leaves the repeated edge out.
    """
    return max_pool2d(pad(image, (0, 1, 0, 1), mode="replicate"), 2)


class Stream(nn.Module):
    """The pre or the post stream: one block per level."""

    def __init__(self, inputs: int, configuration: UsseConfiguration) -> None:
        super().__init__()
        sizes = (inputs, *configuration.channels)
        self.blocks = nn.ModuleList(
            EncoderBlock(sizes[level], sizes[level + 1], configuration) for level in range(len(sizes) - 1)
        )

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """(features, skips), finest level first; `features[k]` is half the size of `skips[k]`."""
        features, skips = [], []
        for block in self.blocks:
            x, skip = block(x)
            features.append(x)
            skips.append(skip)
        return features, skips


class MidStream(nn.Module):
    """The mid stream: a block, then Context-Aware Complementary Feature Fusion (CACFF) on every level.

    CACFF concatenates the features of pre, mid and post (3c) and passes them through a block to 2c, or to
    the width in `configuration.channels`. No gate is drawn inside it.
    """

    def __init__(self, inputs: int, configuration: UsseConfiguration) -> None:
        super().__init__()
        channels = configuration.channels
        self.block = EncoderBlock(inputs, channels[0], configuration)
        self.cacff = nn.ModuleList(
            EncoderBlock(3 * channels[level], channels[level + 1], configuration)
            for level in range(len(channels) - 1)
        )

    def forward(self, mid: Tensor, pre: list[Tensor], post: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """(features of the coarsest level, skips r_mid finest first), from mid (b, c, h, w) and the features
        of both streams."""
        f_mid, r_mid = self.block(mid)
        skips = [r_mid]
        for fusion, f_pre, f_post in zip(self.cacff, pre[:-1], post[:-1], strict=True):
            f_mid, r_mid = fusion(torch.cat((f_pre, f_mid, f_post), dim=1))
            skips.append(r_mid)
        return f_mid, skips
