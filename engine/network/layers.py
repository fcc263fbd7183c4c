"""What the blocks of USSE-Net have in common: convolutions, their start, and moving between levels."""

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import interpolate


def conv(inputs: int, outputs: int, kernel: int = 3, *, bias: bool = True) -> nn.Conv2d:
    """A convolution that keeps the size. Starts with He's variance: without norm, the products of attention
    would otherwise fade with depth."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def conv_norm(inputs: int, outputs: int, normalisation: Literal["batch", "none"]) -> nn.Module:
    """3x3 convolution with what normalises it; a bias only where no norm would take it out again."""
    if normalisation == "none":
        return conv(inputs, outputs)
    return nn.Sequential(conv(inputs, outputs, bias=False), nn.BatchNorm2d(outputs))


def doubled(coarse: Tensor, size: tuple[int, int]) -> Tensor:
    """`coarse` (b, c, rows, lines) at twice the resolution, bilinear, cropped to `size`.

    Levels are halved rounding up, so the crop takes at most one row and one line. Exactly twice, and not
    "to that size": otherwise an odd level would be stretched and its features slide off the pixels they
    describe.
    """
    fine = interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
    return cropped(fine, size)


def cropped(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The first (rows, lines) = `size` of an image that may be larger."""
    return image[:, :, : size[0], : size[1]]


def size_of(image: Tensor) -> tuple[int, int]:
    """(rows, lines) of an image (b, c, rows, lines)."""
    return image.shape[-2], image.shape[-1]
