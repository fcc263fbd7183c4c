"""Brightness of layered soft tissue under a linear probe: skin, fat with septa, fascia, striated muscle.

Only echoes differ; what strains how is another matter, so a hard lesion can hide in it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.simulation.phantom import TissueRegion

_WAVELENGTH = 30e-3  # m across, over which layers undulate
_SKIN, _FAT = 0.06, 0.28  # of the depth: lower edges


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A thin or thick sheet between two depths that undulates across the image."""

    top: float
    """m, mean depth of its upper edge."""
    bottom: float
    """m"""
    echo_db: float
    swing: float = 0.4e-3
    """m, amplitude of the undulation."""
    phase: float = 0.0
    """rad"""

    def holds(self, z: Tensor, x: Tensor) -> Tensor:
        """Whether rest points lie in it; see `phantom.TissueRegion`."""
        level = z - self.swing * torch.sin(2 * math.pi * x / _WAVELENGTH + self.phase)
        return (level >= self.top) & (level < self.bottom)


def layered_tissue(depth: float) -> tuple[TissueRegion, ...]:
    """Sheets from the skin to `depth` (m); later ones lie over earlier ones."""
    skin, fat = _SKIN * depth, _FAT * depth
    sheets = [
        Sheet(top=-1.0, bottom=skin, echo_db=4.0, swing=0.1e-3),
        Sheet(top=skin, bottom=fat, echo_db=-7.0),
        Sheet(top=fat, bottom=1.0, echo_db=-1.0, phase=0.6),
    ]
    septa = [(0.13, 0.0, 0.7e-3), (0.19, 1.7, 0.5e-3), (0.24, 3.0, 0.6e-3)]
    sheets += [
        Sheet(top=at * depth, bottom=at * depth + 0.35e-3, echo_db=3.0, swing=swing, phase=phase)
        for at, phase, swing in septa
    ]
    sheets.append(Sheet(top=fat, bottom=fat + 0.6e-3, echo_db=8.0, phase=0.6))
    fibres = 11
    for number in range(fibres):
        at = fat + (0.06 + 0.94 * number / fibres) * (depth - fat)
        sheets.append(
            Sheet(top=at, bottom=at + 0.5e-3, echo_db=3.0 if number % 3 else 5.0, phase=0.6 + 0.25 * number)
        )
    return tuple(sheets)
