"""A motion field given on a regular grid: cubic B-splines between the nodes.

Serves solved fields (finite elements) and recorded truth alike. The interpolated displacement is
twice differentiable, so its strain is continuous; a jump of strain between two nodes is smoothed over
about two of them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import spline_filter
from torch import Tensor

from engine.errors import InvalidAcquisition

# Nodes added beyond each border by odd reflection, so that the spline does not flatten out at the border: its
# memory fades by 0.27 per node.
_PADDING = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class GridField:
    """Displacement at the nodes of a regular grid (see `MotionField`); made by `grid_field`.

    Outside the grid each displacement is continued straight on from the border.
    """

    first_z: float
    """m, of the first row of nodes."""
    first_x: float
    step_z: float
    step_x: float
    coefficients: Tensor
    """(2, rows, cols) float64, B-spline coefficients of u_z and u_x with `_PADDING` nodes around."""

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `MotionField.displacement`; NaN where a position is."""
        _, rows, cols = self.coefficients.shape
        row, col = (
            (z - self.first_z) / self.step_z + _PADDING,
            (x - self.first_x) / self.step_x + _PADDING,
        )
        # Beyond the border: the tangent plane.
        held_row = row.clamp(_PADDING, rows - 1.0 - _PADDING)
        held_col = col.clamp(_PADDING, cols - 1.0 - _PADDING)
        beyond_row, beyond_col = row - held_row, col - held_col
        # a point that is nowhere (NaN) has no node, and a displacement of NaN through its weights
        first_row = torch.floor(held_row).detach().nan_to_num(_PADDING)
        first_col = torch.floor(held_col).detach().nan_to_num(_PADDING)
        weights_row, slopes_row = _weights(held_row - first_row)
        weights_col, slopes_col = _weights(held_col - first_col)
        start = (first_row.to(torch.int64) - 1) * cols + (first_col.to(torch.int64) - 1)
        flat = self.coefficients.reshape(2, -1)
        found = [torch.zeros_like(row), torch.zeros_like(row)]
        for i in range(4):
            along = weights_row[i] + beyond_row * slopes_row[i]
            for j in range(4):
                place = start + (i * cols + j)
                weight = along * weights_col[j] + weights_row[i] * (beyond_col * slopes_col[j])
                for component in range(2):
                    found[component] = found[component] + weight * flat[component][place]
        return found[0], found[1]


def grid_field(
    u_z: NDArray[np.float64], u_x: NDArray[np.float64], z: NDArray[np.float64], x: NDArray[np.float64]
) -> GridField:
    """The field with displacements (rows, cols) metres at depths `z` (rows,) and laterals `x` (cols,).

    Raises InvalidAcquisition for a grid that is not regular, or has fewer than 9 nodes a side.
    """
    if u_z.shape != (len(z), len(x)) or u_x.shape != u_z.shape or min(u_z.shape) <= _PADDING:
        raise InvalidAcquisition(
            f"displacement {u_z.shape} on a grid of {len(z)} x {len(x)}: need 9 x 9 or more"
        )
    step_z, step_x = float(z[1] - z[0]), float(x[1] - x[0])
    for name, axis, step in (("z", z, step_z), ("x", x, step_x)):
        if not (step > 0 and np.allclose(np.diff(axis), step, rtol=1e-3)):
            raise InvalidAcquisition(f"{name} of a grid field must rise in equal steps")
    padded = [np.pad(u, _PADDING, mode="reflect", reflect_type="odd") for u in (u_z, u_x)]
    filtered = [spline_filter(u, order=3, output=np.float64, mode="mirror") for u in padded]
    return GridField(
        first_z=float(z[0]),
        first_x=float(x[0]),
        step_z=step_z,
        step_x=step_x,
        coefficients=torch.from_numpy(np.stack(filtered)),
    )


def _weights(offset: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Cubic B-spline at the four nodes around a point `offset` (0..1) past the second, and its slope."""
    rest = 1.0 - offset
    weights = [
        rest**3 / 6.0,
        (4.0 - 6.0 * offset**2 + 3.0 * offset**3) / 6.0,
        (4.0 - 6.0 * rest**2 + 3.0 * rest**3) / 6.0,
        offset**3 / 6.0,
    ]
    slopes = [
        -(rest**2) / 2.0,
        -2.0 * offset + 1.5 * offset**2,
        2.0 * rest - 1.5 * rest**2,
        offset**2 / 2.0,
    ]
    return weights, slopes
