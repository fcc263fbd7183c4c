"""Tissue whose strain is drawn, not solved for: textures, thin layers, islands of any shape.

Elasticity makes strain smooth around whatever is stiff, and an estimator that has seen nothing else learns
that the world is made of lesions. Here strain itself is a random map, and the motion is its integral along
depth: kinematic truth, of any pattern that fits into a continuous displacement.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from engine.simulation.gridfield import GridField, grid_field
from engine.simulation.phantom import Phantom

DoubleArray = NDArray[np.float64]
Kind = Literal["random", "ripples", "islands", "layers"]

STEP = 0.1e-3  # m between nodes: patterns of 0.4 mm are still smooth on it
SHEARED = 3.0e-3  # m: strain that varies faster across than this must not add up over more depth than this
LEAST, MOST = 0.08, 5.0  # of the mean: tissue neither expands while pressed nor collapses


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """How strain varies about its mean. Lengths in metres."""

    kind: Kind
    """random: log-normal; ripples: the same without its slow part, so that every stripe and spot is about as
    large as the next, periods of about three lengths; islands: two values, bordered by a level of a random
    field; layers: steps in depth."""
    axial_length: float
    """At which the pattern has lost its memory; for layers their mean thickness."""
    lateral_length: float
    """The same across; for layers the scale on which they undulate."""
    spread: float
    """Standard deviation of log strain."""
    seed: int


def textured_phantom(texture: Texture, *, depth: float, width: float) -> Phantom:
    """A phantom of `depth` by `width` metres with the strain of `texture`; echoes are the same all over."""
    return Phantom(compression=strained(texture, depth=depth, width=width))


def strained(texture: Texture, *, depth: float, width: float) -> GridField:
    """The motion field per unit of compression: axial strain -1 on average, varying with `texture`."""
    margin = 2e-3
    z = np.arange(0.0, depth + margin + STEP, STEP)
    x = np.arange(-width / 2 - margin, width / 2 + margin + STEP, STEP)
    relative = np.clip(np.exp(texture.spread * _pattern(texture, z, x)), LEAST, MOST)
    relative /= relative.mean()
    moved = -np.cumsum(relative, axis=0) * STEP
    moved -= moved[:1]
    departure = moved + z[:, None]
    slow = gaussian_filter1d(departure, SHEARED / STEP, axis=0)
    moved -= slow - gaussian_filter1d(slow, SHEARED / STEP, axis=1)
    return grid_field(moved, np.broadcast_to(x[None, :], moved.shape), z, x)


def _pattern(texture: Texture, z: DoubleArray, x: DoubleArray) -> DoubleArray:
    """Zero mean, unit variance, (len(z), len(x))."""
    rng = np.random.default_rng([texture.seed, 12])
    lengths = (texture.axial_length / STEP, texture.lateral_length / STEP)
    if texture.kind == "layers":
        return _layers(texture, z, x, rng)
    # a Gaussian of half the length gives exp(-(distance / length)^2)
    sigma = [n / 2 for n in lengths]
    field = gaussian_filter(rng.standard_normal((len(z), len(x))), sigma, mode="reflect")
    if texture.kind == "ripples":
        field -= gaussian_filter(field, [1.2 * n for n in sigma], mode="reflect")
    field = (field - field.mean()) / max(float(field.std()), 1e-12)
    if texture.kind == "islands":
        field = (field > rng.uniform(-0.5, 1.2)).astype(np.float64)
        # a border as wide as two nodes: a jump of strain is smoothed by the splines anyway
        field = gaussian_filter(field, 1.0)
        field = (field - field.mean()) / max(float(field.std()), 0.2)
    return np.asarray(field)


def _layers(texture: Texture, z: DoubleArray, x: DoubleArray, rng: np.random.Generator) -> DoubleArray:
    count = max(2, round(z[-1] / texture.axial_length))
    borders = np.sort(rng.uniform(0.0, z[-1], count))
    values = rng.standard_normal(count + 1)
    sway = gaussian_filter1d(rng.standard_normal(len(x)), texture.lateral_length / STEP, mode="reflect")
    sway *= 0.5 * texture.axial_length / max(float(sway.std()), 1e-12)
    level = z[:, None] + sway[None, :] + rng.uniform(-0.15, 0.15) * x[None, :]
    field = gaussian_filter(values[np.searchsorted(borders, level)], 1.0)
    return np.asarray((field - field.mean()) / max(float(field.std()), 0.2))
