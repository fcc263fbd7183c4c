"""Stiffness maps of any shape: ellipses, irregular lesions, layers, and random fields.

Each is a region of rest coordinates with a stiffness (shear modulus over that of the background) and a
brightness. `elastic_phantom` puts them into a block and solves for its motion.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates
from torch import Tensor

from engine.errors import InvalidAcquisition
from engine.simulation.fem import DoubleArray, TissueBlock, solve_compression
from engine.simulation.phantom import Phantom, TissueRegion

# Nodes per correlation length of a random field.
_FIELD_NODES = 4


class ElasticRegion(TissueRegion, Protocol):
    """A region with a stiffness of its own: `Inclusion` and all of the below."""

    @property
    def stiffness(self) -> float:
        """Shear modulus over that of the background."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ellipse:
    """An elliptic lesion."""

    depth: float
    """m, of its centre."""
    lateral: float
    """m, of its centre."""
    semi_axes: tuple[float, float]
    """m, along depth and across before turning."""
    angle: float = 0.0
    """rad, turning."""
    stiffness: float = 3.0
    echo_db: float = 0.0

    def holds(self, z: Tensor, x: Tensor) -> Tensor:
        """See `TissueRegion.holds`."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        along = cos * (z - self.depth) + sin * (x - self.lateral)
        across = cos * (x - self.lateral) - sin * (z - self.depth)
        return (along / self.semi_axes[0]) ** 2 + (across / self.semi_axes[1]) ** 2 <= 1.0


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """An irregular lesion: radius * (1 + a sum of waves around it)."""

    depth: float
    lateral: float
    radius: float
    """m, mean."""
    waves: tuple[tuple[float, float], ...]
    """(amplitude over radius, phase in rad) of the wave that goes 2, 3, ... times around."""
    stiffness: float = 3.0
    echo_db: float = 0.0

    def __post_init__(self) -> None:
        if sum(abs(height) for height, _ in self.waves) >= 1.0:
            raise InvalidAcquisition("lesion waves: amplitudes must add up to less than 1")

    def holds(self, z: Tensor, x: Tensor) -> Tensor:
        """See `TissueRegion.holds`."""
        angle = torch.atan2(z - self.depth, x - self.lateral)
        border = torch.ones_like(z)
        for times, (height, phase) in enumerate(self.waves, start=2):
            border = border + height * torch.cos(times * angle + phase)
        return torch.hypot(z - self.depth, x - self.lateral) <= self.radius * border


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer between two depths, such as fat above muscle; it may slope."""

    top: float
    """m, at lateral 0."""
    bottom: float
    slope: float = 0.0
    """m of depth per m of lateral."""
    stiffness: float = 2.0
    echo_db: float = 0.0

    def holds(self, z: Tensor, x: Tensor) -> Tensor:
        """See `TissueRegion.holds`."""
        level = z - self.slope * x
        return (level >= self.top) & (level < self.bottom)


@dataclass(frozen=True, kw_only=True)
class RandomStiffness:
    """Log-normal stiffness with Gaussian correlation: tissue that has no shape at all."""

    correlation_length: float
    """m at which the correlation of log stiffness has fallen to 1/e."""
    spread: float = 0.4
    """Standard deviation of log stiffness: 0.4 is a factor of 1.5 either way."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.correlation_length > 0 and self.spread >= 0):
            raise InvalidAcquisition(
                "random stiffness: correlation_length must be positive, spread not negative"
            )

    def ratio(self, z: DoubleArray, x: DoubleArray) -> DoubleArray:
        """Stiffness at (z, x) in metres, median 1; the same whatever points are asked for together."""
        step = self.correlation_length / _FIELD_NODES
        field = _gaussian_field(self.seed)
        half = field.shape[0] / 2.0
        # The field repeats only after 512 nodes, 128 correlation lengths.
        value = map_coordinates(field, [z / step + half, x / step + half], order=3, mode="grid-wrap")
        return np.asarray(np.exp(self.spread * value), dtype=np.float64)


@lru_cache(maxsize=4)
def _gaussian_field(seed: int) -> DoubleArray:
    """(512, 512) periodic Gaussian field, variance 1, correlation exp(-(distance / 4 nodes)^2)."""
    white = np.random.default_rng([seed, 3]).standard_normal((512, 512))
    # White noise through a Gaussian of sigma s has correlation exp(-d^2 / (4 s^2)): s is half the length.
    smooth = gaussian_filter(white, _FIELD_NODES / 2.0, mode="wrap")
    return np.asarray(smooth / smooth.std(), dtype=np.float64)


def elastic_phantom(
    block: TissueBlock,
    regions: Sequence[ElasticRegion] = (),
    *,
    background: RandomStiffness | None = None,
    cache: Path | None = None,
) -> Phantom:
    """A phantom whose motion is solved for, not assumed; where regions overlap, the later one counts.

    `background` is the stiffness where no region is (None: 1); a region's stiffness replaces it. `cache`,
    time and errors: see `solve_compression`.
    """

    def stiffness(z: DoubleArray, x: DoubleArray) -> DoubleArray:
        ratio = np.ones_like(z) if background is None else background.ratio(z, x)
        for region in regions:
            inside = region.holds(torch.from_numpy(z), torch.from_numpy(x)).numpy()
            ratio = np.where(inside, region.stiffness, ratio)
        return ratio

    return Phantom(compression=solve_compression(stiffness, block, cache=cache), regions=tuple(regions))
