"""Three frames of one press: does the motion of its two parts add up to the motion of the whole?"""

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np

from engine.simulation import inclusion_phantom
from tools.evaluate.suite.random_cases import drawn_inclusion, make_triple
from tools.evaluate.suite.scene import Case, Scene


def _triple_scene(index: int, *, seed: int, rho: float, snr: float) -> Scene:
    inclusion = drawn_inclusion(np.random.default_rng([seed, 12, index]))
    triple = make_triple(
        inclusion_phantom(inclusion),
        (0.0, 0.01, 0.016),
        seed=seed + 400 + index,
        correlation=rho,
        in_band_snr_db=snr,
    )
    return Scene(acquisition=triple, pair=(0, 2), inclusions=(inclusion,))


def closure(seed: int) -> Iterator[Case]:
    """Three frames at 0, 1 and 1.6 %: do pairs 0-1 and 1-2 add up to pair 0-2, within the predicted sigma?"""
    conditions = (("30 dB", 1.0, 30.0), ("15 dB", 1.0, 15.0), ("rho 0.97, 30 dB", 0.97, 30.0))
    for (name, rho, snr), index in product(conditions, range(2)):
        yield Case(
            group="closure",
            name=f"{name}, {index + 1}",
            seed=seed,
            build=partial(_triple_scene, index, seed=seed, rho=rho, snr=snr),
            kind="triple",
            quick=index == 0 and snr < 30.0,
            parameters={"rho": rho, "snr_db": snr},
        )
