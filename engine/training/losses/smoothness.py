"""Smoothness: how much a map bends. A uniform strain is a ramp and must cost nothing."""

from torch import Tensor


def smoothness(displacement: Tensor, *, axial: float, lateral: float) -> Tensor:
    """axial * mean |d2/dz2| + lateral * mean |d2/dx2| of a map (b, c, rows, lines), 3 x 3 pixels or more.

    True second differences. The first power, because an inclusion is a kink of displacement: squares would
    smear it. Both weights are needed, as a line is many samples wide, and components with different units are
    to be passed one by one. Unit: that of the map per pixel squared.
    """
    along = displacement[:, :, 2:] - 2.0 * displacement[:, :, 1:-1] + displacement[:, :, :-2]
    across = displacement[..., 2:] - 2.0 * displacement[..., 1:-1] + displacement[..., :-2]
    return axial * along.abs().mean() + lateral * across.abs().mean()
