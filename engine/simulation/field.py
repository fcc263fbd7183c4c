"""Motion fields: how tissue moves when it is pressed, per unit of the thing that moves it.

A field lives in rest coordinates, metres: z is depth below the probe face, x is lateral with 0 on the
probe's axis. `displacement(z, x)` gives (u_z, u_x) in metres for amplitude 1; a frame's displacement is the
field times that frame's amplitude. Scaled like this a field is kinematic truth (exact positions), not
large-strain mechanics.
"""

import math
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

    The probe face is fixed (the image is in the probe's coordinates), so deeper tissue comes nearer:
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
    # (a / r)^2, limited to 1 inside, where the linear field takes over
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


@dataclass(frozen=True, kw_only=True)
class SphereCompression:
    """Homogeneous incompressible tissue with one sphere, seen in the plane through its centre.

    Uniaxial compression: tissue expands half as much in each of the two directions across, u = E r with
    E = diag(-1, 1/2, 1/2). Inside, strain is 5 / (3 + 2k) of the applied one (Eshelby 1957). Outside, the
    rest is 5 q a^3 r (r E r) / r^5 + q a^5 (2 E r / r^5 - 5 r (r E r) / r^7) with q = (5 / (3 + 2k) - 1) / 2
    (Batchelor 1967, section 4.11, the strain flow around a sphere; a rigid one has q = -1/2).
    """

    sphere: Inclusion

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `MotionField.displacement`."""
        z_0, x_0 = z - self.sphere.depth, x - self.sphere.lateral
        inner = 5.0 / (3.0 + 2.0 * self.sphere.stiffness)
        q = 0.5 * (inner - 1.0)
        r2 = z_0**2 + x_0**2
        inside = r2 <= self.sphere.radius**2
        ratio2 = self.sphere.radius**2 / torch.where(inside, self.sphere.radius**2, r2)
        # (r E r) / r^2 lies between -1 and 1/2
        form = (0.5 * x_0**2 - z_0**2) / torch.where(inside, self.sphere.radius**2, r2)
        common = 5.0 * q * form * (ratio2**1.5 - ratio2**2.5)
        linear = 2.0 * q * ratio2**2.5
        u_z = torch.where(inside, -(inner - 1.0) * z_0, -linear * z_0 + common * z_0)
        u_x = torch.where(inside, 0.5 * (inner - 1.0) * x_0, 0.5 * linear * x_0 + common * x_0)
        return u_z - z, u_x + 0.5 * x


@dataclass(frozen=True, kw_only=True)
class SlipBoundary:
    """Two bodies that slide on each other along a straight boundary: amplitude is the way slid, in metres.

    What lies below the boundary (at rest) moves along it towards positive lateral by the amplitude; what
    lies above stays. On a sloping boundary this is a step of axial displacement too.
    """

    depth: float
    """m, at lateral 0."""
    angle: float = 0.0
    """rad, slope: positive = deeper towards positive lateral."""

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `MotionField.displacement`."""
        below = self._beyond(z, x) > 0
        return below * math.sin(self.angle), below * math.cos(self.angle)

    def near(self, z: Tensor, x: Tensor, reach: float) -> Tensor:
        """Whether rest points lie within `reach` metres of the boundary (bool)."""
        return self._beyond(z, x).abs() < reach

    def _beyond(self, z: Tensor, x: Tensor) -> Tensor:
        return (z - self.depth) * math.cos(self.angle) - x * math.sin(self.angle)


@dataclass(frozen=True, kw_only=True)
class VesselPulsation:
    """A round vessel that widens: amplitude is the growth of its radius, as a fraction of it.

    Outside the wall incompressible tissue gives way radially as radius^2 / r (plane strain); inside, the
    lumen widens evenly.
    """

    depth: float
    """m, of its centre at rest."""
    lateral: float
    radius: float
    """m."""

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `MotionField.displacement`."""
        r2 = (z - self.depth) ** 2 + (x - self.lateral) ** 2
        growth = self.radius**2 / torch.clamp(r2, min=self.radius**2)
        return growth * (z - self.depth), growth * (x - self.lateral)
