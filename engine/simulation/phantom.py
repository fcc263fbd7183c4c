"""What is imaged: how it moves when pressed, and how bright each part of it is."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.simulation.field import Inclusion, InclusionCompression, MotionField


class TissueRegion(Protocol):
    """A part of the phantom with a brightness of its own."""

    @property
    def echo_db(self) -> float:
        """Brightness against the surroundings, dB; -inf is echo-free."""
        ...

    def holds(self, z: Tensor, x: Tensor) -> Tensor:
        """Whether each rest point (float64 metres) lies in it: bool, shape of `z`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """A compression field and the regions that differ in brightness; everything else has 0 dB."""

    compression: MotionField
    """Per unit of applied compression (1 = 100 % of the thickness)."""
    regions: tuple[TissueRegion, ...] = ()
    """Where two overlap, the later one counts."""
    flowing: tuple[TissueRegion, ...] = ()
    """Regions whose scatterers are others in every frame, as blood is; they have no truth."""

    def flows(self, z: Tensor, x: Tensor) -> Tensor:
        """Whether rest points lie where blood flows: bool, shape of `z`."""
        found = torch.zeros_like(z, dtype=torch.bool)
        for region in self.flowing:
            found = found | region.holds(z, x)
        return found

    def echo(self, z: Tensor, x: Tensor) -> Tensor:
        """Amplitude factor of scatterers at rest points (float64, shape of `z`)."""
        factor = torch.ones_like(z)
        for region in self.regions:
            factor = torch.where(region.holds(z, x), 10.0 ** (region.echo_db / 20.0), factor)
        return factor


def inclusion_phantom(*inclusions: Inclusion) -> Phantom:
    """Incompressible tissue between plates with round inclusions; none at all gives uniform strain."""
    return Phantom(compression=InclusionCompression(inclusions), regions=inclusions)
