"""Local normalised cross-correlation (LNCC): whether pre and displacement-compensated post look alike."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from engine.network.resample import inside, positions
from engine.network.upsample import BandLimitedWarp

FAINT = 1e-6  # of the mean square of an image, 60 dB down: windows with less energy are not significant
NOTHING = 1e-9  # the same, for what keeps a division by zero away: too little to lower what is heard


def lncc(first: Tensor, second: Tensor, window: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Correlation of two images (b, 1, rows, lines) in every window of (rows, lines) that lies inside them.

    Windows overlap: one starts at every pixel. Returns the correlation, -1 ... 1, and the energy it rests on
    (the smaller of both variances, each a share of its image's mean square), both
    (b, 1, rows - window rows + 1, lines - window lines + 1). It keeps its sign, because RF in opposite phase
    is half a wavelength off. Without energy the correlation is 0, and so is its gradient. Gain drops out.
    """
    a, b = _gain_normalised(first), _gain_normalised(second)

    def local(image: Tensor) -> Tensor:
        return avg_pool2d(image, window, stride=1)

    mean_a, mean_b = local(a), local(b)
    covariance = local(a * b) - mean_a * mean_b
    variance_a = (local(a.square()) - mean_a.square()).clamp(min=0.0)
    variance_b = (local(b.square()) - mean_b.square()).clamp(min=0.0)
    correlation = covariance / ((variance_a + NOTHING) * (variance_b + NOTHING)).sqrt()
    return correlation, torch.minimum(variance_a, variance_b).detach()


def similarity_loss(
    pre: Tensor, post: Tensor, displacement: Tensor, window: tuple[int, int], warp: BandLimitedWarp
) -> Tensor:
    """Mean of 1 - LNCC over the windows where both images have energy and post is inside its frame; 0 ... 2.

    Images are (b, 1, rows, lines), displacement is (b, 2, rows, lines) in samples and lines, from pre to
    post. Where no window is significant, the loss is 0, without a gradient.
    """
    correlation, energy = lncc(pre, warp(post, displacement), window)
    rows, lines = positions(displacement.detach())
    seen = inside(rows, lines, (post.shape[-2], post.shape[-1]))[:, None].to(correlation.dtype)
    whole = avg_pool2d(seen, window, stride=1) > 1.0 - 1e-6
    significant = (whole & (energy > FAINT)).to(correlation.dtype)
    return ((1.0 - correlation) * significant).sum() / significant.sum().clamp(min=1.0)


def _gain_normalised(image: Tensor) -> Tensor:
    """An image of mean square 1, whatever its gain; zeros stay zeros."""
    power = image.detach().square().mean(dim=(1, 2, 3), keepdim=True)
    return image * torch.where(power > 0.0, power.clamp(min=1e-30).rsqrt(), torch.zeros_like(power))
