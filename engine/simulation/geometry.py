"""Tissue drawn at random: what is inside, how stiff, how large, as patients differ.

Three kinds, so that nothing can be learnt about what a lesion must look like: nothing inside (maybe layers),
shapeless or irregular (random fields, lesions with a wavy border), and round or elliptic ones.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.simulation.fem import TissueBlock
from engine.simulation.phantom import Phantom
from engine.simulation.tissue import (
    ElasticRegion,
    Ellipse,
    Layer,
    Lesion,
    RandomStiffness,
    elastic_phantom,
)

# Shares of "nothing" and "shapeless"; the rest is round or elliptic, at most 40 %.
_SHARE_PLAIN = 0.3
_SHARE_SHAPELESS = 0.35


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """One drawn patient: everything but the motion."""

    kind: str
    """plain, random-field, lesion or ellipse."""
    block: TissueBlock
    regions: tuple[ElasticRegion, ...]
    background: RandomStiffness | None

    def phantom(self, cache: Path | None = None) -> Phantom:
        """Solve for the motion; see `elastic_phantom`."""
        return elastic_phantom(self.block, self.regions, background=self.background, cache=cache)


def draw_geometry(block: TissueBlock, *, image: tuple[float, float], rng: np.random.Generator) -> Geometry:
    """A random geometry for an image of (depth, width) metres within `block`.

    Lesions: 1.5-8 mm in radius, contrast log-uniform from 1/4 to 8, brightness -6 to +6 dB independent of
    stiffness, centred at 20-80 % of the depth. Half of all have one or two layers of contrast 1/2 to 3.
    """
    draw = rng.uniform()
    regions: list[ElasticRegion] = []
    if rng.uniform() < 0.5:
        regions += _layers(image[0], rng)
    background = None
    if draw < _SHARE_PLAIN:
        kind = "plain"
    elif draw < _SHARE_PLAIN + _SHARE_SHAPELESS / 2:
        kind = "random-field"
        background = RandomStiffness(
            correlation_length=float(rng.uniform(2e-3, 8e-3)),
            spread=float(rng.uniform(0.2, 0.6)),
            seed=int(rng.integers(1 << 31)),
        )
    else:
        kind = "lesion" if draw < _SHARE_PLAIN + _SHARE_SHAPELESS else "ellipse"
        make = _lesion if kind == "lesion" else _ellipse
        regions += [make(image, rng) for _ in range(int(rng.integers(1, 3)))]
    return Geometry(kind=kind, block=block, regions=tuple(regions), background=background)


def _layers(depth: float, rng: np.random.Generator) -> list[Layer]:
    borders = np.sort(rng.uniform(0.1, 1.0, 2)) * depth
    # a layer below everything else reaches out of any block
    edges = [(0.0, borders[0]), (borders[1], 1.0)][: int(rng.integers(1, 3))]
    return [
        Layer(
            top=float(top) if top > 0 else -1.0,
            bottom=float(bottom),
            slope=float(rng.uniform(-0.15, 0.15)),
            stiffness=float(np.exp(rng.uniform(np.log(0.5), np.log(3.0)))),
            echo_db=float(rng.uniform(-4.0, 4.0)),
        )
        for top, bottom in edges
    ]


def _place(image: tuple[float, float], rng: np.random.Generator) -> dict[str, float]:
    return {
        "depth": float(rng.uniform(0.2, 0.8) * image[0]),
        "lateral": float(rng.uniform(-0.35, 0.35) * image[1]),
        "stiffness": float(np.exp(rng.uniform(np.log(0.25), np.log(8.0)))),
        "echo_db": float(rng.uniform(-6.0, 6.0)),
    }


def _lesion(image: tuple[float, float], rng: np.random.Generator) -> Lesion:
    waves = tuple((float(rng.uniform(0.0, 0.25) / n), float(rng.uniform(0.0, 6.28))) for n in range(1, 5))
    return Lesion(radius=float(rng.uniform(1.5e-3, 8e-3)), waves=waves, **_place(image, rng))


def _ellipse(image: tuple[float, float], rng: np.random.Generator) -> Ellipse:
    mean, aspect = rng.uniform(1.5e-3, 8e-3), np.sqrt(rng.uniform(1.0, 2.0))
    return Ellipse(
        semi_axes=(float(mean / aspect), float(mean * aspect)),
        angle=float(rng.uniform(-0.6, 0.6)),
        **_place(image, rng),
    )
