"""Motion fields: how tissue moves when it is pressed, per unit of the thing that moves it.

A field lives in rest coordinates, metres: z is depth below the probe face, x is lateral with 0 on the
probe's axis. `displacement(z, x)` gives (u_z, u_x) in metres for amplitude 1; a frame's displacement is the
field times that frame's amplitude. Scaled like this a field is kinematic truth (every point is where it is
said to be), not large-strain mechanics.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.errors import InvalidAcquisition


class MotionField(Protocol):
    """A displacement field of rest coordinates, point by point, differentiable by torch."""

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """(u_z, u_x) in metres per unit amplitude, of the shape of `z` and `x` (float64 metres)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Inclusion:
    """A round inclusion, in cross-section: a long cylinder across the image plane."""

    depth: float
    """m, of its centre at rest."""
    lateral: float = 0.0
    """m, of its centre at rest, 0 = the probe's axis."""
    radius: float = 5.0e-3
    """m."""
    stiffness: float = 3.0
    """Shear modulus over that of the surroundings; below 1 is soft."""
    echo_db: float = 0.0
    """Brightness against the surroundings, dB."""

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise InvalidAcquisition(f"inclusion radius {self.radius:g} m: must be positive")
        if not self.stiffness > 0:
            raise InvalidAcquisition(f"inclusion stiffness {self.stiffness:g}: must be positive")

    def holds(self, z: Tensor, x: Tensor) -> Tensor:
        """Whether each rest point lies inside (bool, shape of `z`)."""
        return (z - self.depth) ** 2 + (x - self.lateral) ** 2 <= self.radius**2


@dataclass(frozen=True)
class UniformCompression:
    """Homogeneous incompressible tissue between frictionless plates: amplitude 0.01 is 1 % compression.

    The probe face is fixed (the picture is in the probe's coordinates), so deeper tissue comes nearer:
    u_z = -z, and it expands sideways by the same amount: u_x = x (plane strain).
    """

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `MotionField.displacement`."""
        return -z, x


@dataclass(frozen=True)
class InclusionCompression:
    """The same with round inclusions: closed form for one inclusion in a wide incompressible medium.

    Inside, strain is 2 / (1 + k) of the applied one for shear-modulus ratio k (Eshelby 1957 for a circular
    cylinder; the two-dimensional Stokes analogue is Taylor 1932). Outside, the stream function
    (e r^2 / 2 + C / r^2 + D) sin 2t with C = q e a^4 / 2, D = -q e a^2, q = 1 - 2 / (1 + k) makes
    displacement and traction continuous at radius a. Several inclusions are superposed: the sum stays
    continuous and incompressible, but each inclusion does not feel the others, so 2 / (1 + k) then holds
    only where they are several radii apart.
    """

    inclusions: tuple[Inclusion, ...]

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `MotionField.displacement`."""
        u_z, u_x = -z, x
        for inclusion in self.inclusions:
            p_z, p_x = _disturbance(z - inclusion.depth, x - inclusion.lateral, inclusion)
            u_z, u_x = u_z + p_z, u_x + p_x
        return u_z, u_x


def _disturbance(z: Tensor, x: Tensor, inclusion: Inclusion) -> tuple[Tensor, Tensor]:
    """What one inclusion adds to uniform compression (coordinates from its centre)."""
    lost = 1.0 - 2.0 / (1.0 + inclusion.stiffness)
    # (a / r)^2, held at 1 inside, where the linear field takes over
    ratio = inclusion.radius**2 / torch.clamp(z**2 + x**2, min=inclusion.radius**2)
    # Polar parts divided by r: u_r = r radial, u_t = r angular; t counts from the lateral axis.
    r2 = torch.clamp(z**2 + x**2, min=1e-18)
    cos2, sin2 = (x**2 - z**2) / r2, 2.0 * x * z / r2
    radial = lost * (ratio**2 - 2.0 * ratio) * cos2
    angular = lost * ratio**2 * sin2
    inside = z**2 + x**2 <= inclusion.radius**2
    u_z = torch.where(inside, lost * z, radial * z + angular * x)
    u_x = torch.where(inside, -lost * x, radial * x - angular * z)
    return u_z, u_x
