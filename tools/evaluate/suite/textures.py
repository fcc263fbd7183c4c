"""The suite's groups for resolution and false structure: textures instead of conditions."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from engine.simulation import Phantom
from engine.simulation.gratings import AxialGrating, LateralGrating
from tools.evaluate.suite.conditions import lesion_case, lesion_scene
from tools.evaluate.suite.random_cases import layered, make_pair, random_field, uniform
from tools.evaluate.suite.scene import Case, Scene

WINDOWS = tuple(product((8.0, 12.0, 16.0, 24.0, 32.0, 40.0), (1.0, 3.0, 6.0, 12.0)))
"""Wavelengths and lines of the frontier."""


def _grating_scene(axis: str, period: float, *, seed: int) -> Scene:
    rng = np.random.default_rng([seed, *axis.encode(), round(period * 1e6)])
    phase = float(rng.uniform(0, 6.28))
    grating = (
        AxialGrating(period=period, phase=phase)
        if axis == "axial"
        else LateralGrating(period=period, phase=phase)
    )
    return Scene(acquisition=make_pair(Phantom(compression=grating), 0.01, seed=seed))


def gratings(seed: int) -> Iterator[Case]:
    """Strain that varies by 30 % with periods of 2-12 mm: contrast recovery against period."""
    for axis, period in product(("axial", "lateral"), (2e-3, 3e-3, 4e-3, 6e-3, 12e-3)):
        yield Case(
            group="gratings",
            name=f"{axis}, {1e3 * period:g} mm",
            seed=seed,
            build=partial(_grating_scene, axis, period, seed=seed),
            quick=period in (4e-3, 6e-3),  # the periods of the criteria
            parameters={"axis": axis, "period_mm": 1e3 * period},
        )


def _field_scene(index: int, *, seed: int) -> Scene:
    rng = np.random.default_rng([seed, 5, index])
    length = float(rng.uniform(1.0e-3, 2.0e-3))
    phantom = random_field(seed + index, correlation_length=length, spread=0.6, element=0.6e-3)
    return Scene(acquisition=make_pair(phantom, 0.01, seed=seed + index, in_band_snr_db=25.0))


def coherence(seed: int) -> Iterator[Case]:
    """Sixteen phantoms of random-field stiffness: coherence with truth at each spatial frequency."""
    for index in range(16):
        yield Case(
            group="coherence",
            name=f"field {index + 1}",
            seed=seed,
            build=partial(_field_scene, index, seed=seed),
            kind="spectra",
            quick=index < 2,
            image=index == 0,
        )


def _empty_scene(kind: str, index: int, *, seed: int, rho: float, snr: float) -> Scene:
    rng = np.random.default_rng([seed, 6, index])
    phantom = (
        uniform()
        if kind == "uniform"
        else layered(rng)
        if kind == "layered"
        else random_field(seed + 100 + index, correlation_length=5e-3, spread=0.3)
    )
    pair = make_pair(phantom, 0.01, seed=seed + index, correlation=rho, in_band_snr_db=snr)
    return Scene(acquisition=pair, blobs=True)


def hallucination(seed: int) -> Iterator[Case]:
    """No round structure, poor echoes: does anything that looks like a lesion appear?"""
    kinds = ("uniform", "layered", "random field")
    for kind, (rho, snr), index in product(kinds, ((0.85, 30.0), (1.0, 10.0)), range(3)):
        yield Case(
            group="hallucination",
            name=f"{kind}, {'rho 0.85' if rho < 1 else '10 dB'}, {index + 1}",
            seed=seed,
            build=partial(_empty_scene, kind, index, seed=seed, rho=rho, snr=snr),
            quick=index == 0 and kind == "uniform",
            image=index == 0 and kind == "random field" and rho < 1,
        )


def frontier(seed: int) -> Iterator[Case]:
    """One engine over windows of 8-40 wavelengths and 1-12 lines: error against edge width."""
    for name, rho, snr in (("10 dB", 1.0, 10.0), ("rho 0.95, 20 dB", 0.95, 20.0)):
        for index in range(2):
            build = partial(lesion_scene, seed=seed, correlation=rho, in_band_snr_db=snr)
            case = lesion_case("frontier", f"{name}, {index + 1}", seed, quick=False, build=build)
            yield replace(case, windows=WINDOWS)
