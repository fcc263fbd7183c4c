"""The least-squares strain estimator (LSSE) as a fixed convolution, for use inside a network."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from engine.errors import InvalidAcquisition


class LeastSquaresStrain(nn.Module):
    """Slope of the line fitted to displacement over `window` samples along the beam.

    Over N samples it is 12 sum(k u_k) / (N (N^2 - 1)), with k counted from the window's middle. At a border
    the window is clipped and the line fitted to the rest, at least (N + 1) / 2 samples: a window padded with
    zeros would show the frame's edge as strain. Raises InvalidAcquisition for an even window or below 3.
    """

    kernel: Tensor

    def __init__(self, window: int) -> None:
        super().__init__()
        if window < 3 or window % 2 == 0:
            raise InvalidAcquisition(
                f"window = {window} samples: it needs a middle, so an odd number from 3 up"
            )
        self.reach = window // 2
        offsets = torch.arange(-self.reach, self.reach + 1, dtype=torch.float32)
        kernel = torch.stack((offsets, torch.ones_like(offsets)))
        self.register_buffer("kernel", kernel[:, None, :, None], persistent=False)

    def forward(self, axial: Tensor) -> Tensor:
        """Axial displacement (b, 1, rows, lines), samples -> du/dz of the same shape, dimensionless."""
        sums = conv2d(axial, self.kernel, padding=(self.reach, 0))
        row = torch.arange(axial.shape[-2], device=axial.device)
        first = (-row).clamp(min=-self.reach)
        last = (axial.shape[-2] - 1 - row).clamp(max=self.reach)
        count = (last - first + 1).to(axial.dtype)[:, None]
        middle = (first + last).to(axial.dtype)[:, None] / 2.0
        slope: Tensor = 12.0 * (sums[:, :1] - middle * sums[:, 1:]) / (count * (count.square() - 1.0))
        return slope
