"""Where each point of tissue is in each frame, and back: the kinematics from which all truth follows.

A point with rest position X is seen in frame i at  x = R_i (X + sum_m s_m,i U_m(X)) + d_i,  with U_m the
motion fields, s_m,i their amplitudes, R_i a rotation of the image about the probe's centre and d_i a shift.
Truth of a pair (i, j) on frame i's coordinates needs the inverse: rest = inverse_i(x), then
displacement = position_j(rest) - x. (Truth taken at rest coordinates would be wrong by u du/dz.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InvalidAcquisition
from engine.simulation.field import MotionField

DoubleArray = NDArray[np.float64]

# A step of 1e-10 m is a hundred-thousandth of a sample at 40 MHz.
_TOLERANCE = 1.0e-10
_INVERSE_STEPS = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Mode:
    """One way in which tissue moves: a field of rest coordinates and its amplitude in every frame."""

    field: MotionField
    amplitude: DoubleArray
    """(frames,), for compression fields: fraction of the thickness, positive = compressed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """Everything that moves during an acquisition, frame by frame. All arrays are (frames,)."""

    modes: tuple[Mode, ...]
    axial_shift: DoubleArray
    """m, rigid, positive = tissue goes deeper in the image."""
    lateral_shift: DoubleArray
    """m, rigid."""
    rotation: DoubleArray
    """rad in the image plane, about the centre of the probe face."""
    elevation: DoubleArray
    """m, position of the image plane across itself at lateral 0."""
    elevation_tilt: DoubleArray
    """rad: the plane lies at elevation + x * tilt."""

    def __post_init__(self) -> None:
        arrays = [mode.amplitude for mode in self.modes]
        arrays += [
            self.axial_shift,
            self.lateral_shift,
            self.rotation,
            self.elevation,
            self.elevation_tilt,
        ]
        if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
            msg = "Motion: every amplitude and shift needs one value per frame, all of the same length"
            raise InvalidAcquisition(msg)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.axial_shift)


def motion(
    modes: Sequence[Mode],
    *,
    axial_shift: DoubleArray | float = 0.0,
    lateral_shift: DoubleArray | float = 0.0,
    rotation: DoubleArray | float = 0.0,
    elevation: DoubleArray | float = 0.0,
    elevation_tilt: DoubleArray | float = 0.0,
) -> Motion:
    """A `Motion` from at least one mode; a single number for a shift means the same in every frame."""
    if not modes:
        raise InvalidAcquisition("motion: needs at least one mode, if only with amplitudes of zero")
    n = len(modes[0].amplitude)

    def per_frame(value: DoubleArray | float) -> DoubleArray:
        array = np.asarray(value, dtype=np.float64)
        return np.full(n, float(array)) if array.ndim == 0 else array

    return Motion(
        modes=tuple(modes),
        axial_shift=per_frame(axial_shift),
        lateral_shift=per_frame(lateral_shift),
        rotation=per_frame(rotation),
        elevation=per_frame(elevation),
        elevation_tilt=per_frame(elevation_tilt),
    )


def unit_displacements(motion: Motion, z: Tensor, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each mode's (u_z, u_x) at rest points: the part of `positions` that no frame changes."""
    return [mode.field.displacement(z, x) for mode in motion.modes]


def positions(
    motion: Motion, frame: int, z: Tensor, x: Tensor, units: list[tuple[Tensor, Tensor]] | None = None
) -> tuple[Tensor, Tensor]:
    """(z, x) in metres at which rest points are seen in `frame`; `units` from `unit_displacements`."""
    moved_z, moved_x = z, x
    for mode, (u_z, u_x) in zip(motion.modes, units or unit_displacements(motion, z, x), strict=True):
        amplitude = float(mode.amplitude[frame])
        moved_z, moved_x = moved_z + amplitude * u_z, moved_x + amplitude * u_x
    cos, sin = float(np.cos(motion.rotation[frame])), float(np.sin(motion.rotation[frame]))
    return (
        cos * moved_z - sin * moved_x + float(motion.axial_shift[frame]),
        sin * moved_z + cos * moved_x + float(motion.lateral_shift[frame]),
    )


def rest_positions(
    motion: Motion, frame: int, z: Tensor, x: Tensor, *, tolerance: float = _TOLERANCE
) -> tuple[Tensor, Tensor]:
    """Rest coordinates of what is seen at (z, x) in `frame`; NaN where no point or no single one is there.

    Fixed-point iteration, which contracts because displacement gradients are far below 1; it has no
    answer only within micrometres of a slip boundary, where tissue opens or overlaps.
    """
    cos, sin = float(np.cos(motion.rotation[frame])), float(np.sin(motion.rotation[frame]))
    shifted_z, shifted_x = z - float(motion.axial_shift[frame]), x - float(motion.lateral_shift[frame])
    target_z, target_x = cos * shifted_z + sin * shifted_x, cos * shifted_x - sin * shifted_z
    rest_z, rest_x = target_z, target_x
    for _ in range(_INVERSE_STEPS):
        next_z, next_x = target_z, target_x
        for mode, (u_z, u_x) in zip(motion.modes, unit_displacements(motion, rest_z, rest_x), strict=True):
            amplitude = float(mode.amplitude[frame])
            next_z, next_x = next_z - amplitude * u_z, next_x - amplitude * u_x
        moved = torch.maximum((next_z - rest_z).abs(), (next_x - rest_x).abs())
        rest_z, rest_x = next_z, next_x
        if bool((moved < tolerance).all()):
            return rest_z, rest_x
    lost = ~(moved < tolerance)
    return rest_z.masked_fill(lost, torch.nan), rest_x.masked_fill(lost, torch.nan)


def deformation_gradient(
    motion: Motion, frame: int, z: Tensor, x: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(dz/dZ, dz/dX, dx/dZ, dx/dX) of `positions` at rest points (Z, X), by automatic differentiation."""
    # Each point moves by itself, so the gradient of a sum holds every point's own derivative.
    with torch.enable_grad():
        rest_z, rest_x = z.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
        seen_z, seen_x = positions(motion, frame, rest_z, rest_x)
        zz, zx = torch.autograd.grad(
            seen_z.sum(), (rest_z, rest_x), retain_graph=True, materialize_grads=True
        )
        xz, xx = torch.autograd.grad(seen_x.sum(), (rest_z, rest_x), materialize_grads=True)
    return zz, zx, xz, xx


@dataclass(frozen=True, kw_only=True, eq=False)
class PairMotion:
    """True motion from frame i to frame j at given points of frame i (float64, shape of the points)."""

    axial: Tensor
    """m, positive = away from the probe."""
    lateral: Tensor
    """m."""
    gradient: tuple[Tensor, Tensor, Tensor, Tensor]
    """(zz, zx, xz, xx): how a step in z and x of frame i has turned and stretched by frame j."""

    @property
    def axial_strain(self) -> Tensor:
        """d(axial)/dz on frame i's coordinates, negative = compressed from i to j."""
        return self.gradient[0] - 1.0


def pair_motion(
    motion: Motion, i: int, j: int, z: Tensor, x: Tensor, *, tolerance: float = _TOLERANCE
) -> PairMotion:
    """Where the tissue seen at (z, x) in frame i has gone by frame j; NaN where `rest_positions` is.

    `tolerance` is the step at which the search for the rest point ends, in the unit of z and x.
    """
    rest_z, rest_x = rest_positions(motion, i, z, x, tolerance=tolerance)
    there_z, there_x = positions(motion, j, rest_z, rest_x)
    b_zz, b_zx, b_xz, b_xx = deformation_gradient(motion, i, rest_z, rest_x)
    a_zz, a_zx, a_xz, a_xx = deformation_gradient(motion, j, rest_z, rest_x)
    # F_j F_i^-1
    determinant = b_zz * b_xx - b_zx * b_xz
    zz, zx, xz, xx = (
        # a field of constant slope has one everywhere, also where there is no rest point
        (product / determinant).masked_fill(rest_z.isnan(), torch.nan)
        for product in (
            a_zz * b_xx - a_zx * b_xz,
            a_zx * b_zz - a_zz * b_zx,
            a_xz * b_xx - a_xx * b_xz,
            a_xx * b_zz - a_xz * b_zx,
        )
    )
    return PairMotion(axial=there_z - z, lateral=there_x - x, gradient=(zz, zx, xz, xx))
