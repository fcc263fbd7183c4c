"""Motion fields that only an evaluation needs: strain gratings, which no phantom of tissue has."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AxialGrating:
    """Uniform compression whose strain varies along depth as 1 + depth * sin: see `MotionField`."""

    period: float
    """m"""
    modulation: float = 0.3
    phase: float = 0.0
    """rad"""

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """u_z is the integral of -(1 + m sin(k z + p)), u_x keeps the tissue incompressible."""
        k = 2.0 * math.pi / self.period
        integral = (math.cos(self.phase) - torch.cos(k * z + self.phase)) * (self.modulation / k)
        return -z - integral, x * (1.0 + self.modulation * torch.sin(k * z + self.phase))


@dataclass(frozen=True, kw_only=True)
class LateralGrating:
    """Uniform compression whose strain varies across the lines, and slowly along depth.

    A pure lateral grating would shear more the deeper it goes; a slow cosine along depth keeps it as
    small as in tissue.
    """

    period: float
    """m across the lines."""
    depth_period: float = 16e-3
    """m along depth."""
    modulation: float = 0.3
    phase: float = 0.0

    def displacement(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """From the stream function of u_z = -z - m sin(k x + p) sin(q z) / q: incompressible."""
        k, q = 2.0 * math.pi / self.period, 2.0 * math.pi / self.depth_period
        across, along = k * x + self.phase, q * z
        return (
            -z - (self.modulation / q) * torch.sin(across) * torch.sin(along),
            x - (self.modulation / k) * torch.cos(across) * torch.cos(along),
        )
