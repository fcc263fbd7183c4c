"""Four small lesions in an image, present or absent: the smallest that can be detected."""

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np

from engine.simulation import Inclusion, inclusion_phantom
from tools.evaluate.suite.random_cases import make_pair, uniform
from tools.evaluate.suite.scene import SPEC, Case, Scene

DIAMETERS = (1.5e-3, 2e-3, 3e-3, 4e-3, 6e-3)
CONTRASTS = (0.5, 2.0, 4.0)
RHOS = (1.0, 0.95, 0.85)
FRAMES_PER_SIZE = 4  # of four lesions each


def _places(rng: np.random.Generator, diameter: float, stiffness: float) -> tuple[Inclusion, ...]:
    """Four lesions, one around the middle of each quarter of the image."""
    depth, width = SPEC.shape[0] * SPEC.sample_pitch, SPEC.shape[1] * SPEC.line_pitch
    return tuple(
        Inclusion(
            depth=float(down * depth + rng.uniform(-1e-3, 1e-3)),
            lateral=float(aside * width + rng.uniform(-1e-3, 1e-3)),
            radius=diameter / 2,
            stiffness=stiffness,
        )
        for down, aside in product((0.29, 0.71), (-0.23, 0.23))
    )


def _without(seed: int) -> tuple[Inclusion, ...]:
    """Sites of every size and stiffness, without lesions."""
    rng = np.random.default_rng([seed, 11])
    return tuple(
        place
        for diameter, contrast in product(DIAMETERS, CONTRASTS)
        for place in _places(rng, diameter, contrast)
    )


def _absent_scene(rho: float, index: int, *, seed: int) -> Scene:
    pair = make_pair(uniform(), 0.01, seed=seed + 300 + index, correlation=rho, in_band_snr_db=20.0)
    return Scene(acquisition=pair, lesions=tuple((place, False) for place in _without(seed + index)))


def _present_scene(rho: float, contrast: float, diameter: float, index: int, *, seed: int) -> Scene:
    code = [seed, round(1e6 * diameter), round(10 * contrast), round(100 * rho), index]
    places = _places(np.random.default_rng(code), diameter, contrast)
    pair = make_pair(inclusion_phantom(*places), 0.01, seed=sum(code), correlation=rho, in_band_snr_db=20.0)
    return Scene(acquisition=pair, lesions=tuple((place, True) for place in places))


def detectability(seed: int) -> Iterator[Case]:
    """Lesions of 1.5-6 mm, stiffness 0.5-4, rho 1-0.85, 20 dB: present or absent at given sites."""
    for rho, index in product(RHOS, range(FRAMES_PER_SIZE)):
        yield Case(
            group="detectability",
            name=f"absent, rho {rho:g}, {index + 1}",
            seed=seed,
            build=partial(_absent_scene, rho, index, seed=seed),
            kind="detection",
            quick=rho == 0.95 and index == 0,
            parameters={"rho": rho},
        )
    for rho, contrast, diameter, index in product(RHOS, CONTRASTS, DIAMETERS, range(FRAMES_PER_SIZE)):
        yield Case(
            group="detectability",
            name=f"{1e3 * diameter:g} mm, stiffness {contrast:g}, rho {rho:g}, {index + 1}",
            seed=seed,
            build=partial(_present_scene, rho, contrast, diameter, index, seed=seed),
            kind="detection",
            quick=(rho, contrast, diameter, index) == (0.95, 2.0, 3e-3, 0),
            parameters={"rho": rho},
        )
