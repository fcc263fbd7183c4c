"""The suite's groups of single pairs under one condition each. No case was ever trained or tuned on.

A group is a function from a seed to cases; `quick` cases are a few of them. A case's name is the one
condition that differs; the others are 1 % strain, 30 dB in band, 5 MHz, 0.3 mm pitch, one inclusion drawn per
case.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from engine.simulation import Inclusion, Phantom, inclusion_phantom
from engine.simulation.aperture import varying_imaging
from engine.simulation.deformation import Mode
from engine.simulation.disturbances import Clutter
from engine.simulation.field import SlipBoundary, SphereCompression
from tools.evaluate.suite.random_cases import (
    bound_case,
    drawn_inclusion,
    make_pair,
    plain_imaging,
    uniform,
)
from tools.evaluate.suite.scene import SPEC, Case, Scene

DEEP = replace(SPEC, shape=(2000, 64))
"""38 mm, so that 100 samples of motion are the same fraction (a twentieth) as 60 of the usual image."""
STRAINS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05)


def uniform_scene(
    strain: float,
    *,
    seed: int,
    in_band_snr_db: float,
    correlation: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Scene:
    """A pair of uniform tissue, with the bound."""
    return Scene(
        acquisition=make_pair(
            uniform(), strain, seed=seed, correlation=correlation, in_band_snr_db=in_band_snr_db, shift=shift
        ),
        uniform=True,
        bound=bound_case(strain, correlation=correlation, in_band_snr_db=in_band_snr_db),
    )


def lesion_scene(inclusion: Inclusion, strain: float = 0.01, **condition: Any) -> Scene:
    """A pair that shows this inclusion; `condition` as for `make_pair`."""
    pair = make_pair(inclusion_phantom(inclusion), strain, **condition)
    return Scene(acquisition=pair, inclusions=(inclusion,))


def strain_filter(seed: int) -> Iterator[Case]:
    """Uniform strain from 0.05 to 5 % at 20 dB: SNRe against strain, with the bound."""
    for strain in STRAINS:
        yield Case(
            group="strain-filter",
            name=f"{100 * strain:g} %",
            seed=seed,
            build=partial(uniform_scene, strain, seed=seed, in_band_snr_db=20.0),
            quick=strain in (0.001, 0.01, 0.03),
            parameters={"strain": strain},
        )


def bound(seed: int) -> Iterator[Case]:
    """Uniform 1 %, limited by noise and not by bias: does the estimator reach the bound of its window?"""
    for name, rho, snr in (
        ("10 dB", 1.0, 10.0),
        ("15 dB", 1.0, 15.0),
        ("20 dB", 1.0, 20.0),
        ("rho 0.95", 0.95, 60.0),
        ("rho 0.85", 0.85, 60.0),
        ("rho 0.95, 20 dB", 0.95, 20.0),
    ):
        yield Case(
            group="bound",
            name=name,
            seed=seed,
            build=partial(uniform_scene, 0.01, seed=seed, correlation=rho, in_band_snr_db=snr),
            quick=name in ("15 dB", "rho 0.95"),
            parameters={"rho": rho, "snr_db": snr},
        )


def lesion_case(
    group: str,
    name: str,
    seed: int,
    *,
    quick: bool = False,
    image: bool = False,
    build: Callable[[Inclusion], Scene],
    **parameters: float,
) -> Case:
    """A case whose inclusion is drawn with its name as seed, so that no two cases have the same."""
    rng = np.random.default_rng([seed, *f"{group} {name}".encode()])
    inclusion = drawn_inclusion(rng)
    return Case(
        group=group,
        name=name,
        seed=seed,
        build=partial(build, inclusion),
        quick=quick,
        image=image,
        parameters=parameters,
    )


def noise(seed: int) -> Iterator[Case]:
    """In-band SNR from 0 to 40 dB."""
    for snr in (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0):
        chosen = snr in (10.0, 20.0)
        build = partial(lesion_scene, seed=seed, in_band_snr_db=snr)
        yield lesion_case("noise", f"{snr:g} dB", seed, quick=chosen, image=chosen, build=build, snr_db=snr)


def decorrelation(seed: int) -> Iterator[Case]:
    """Motion out of plane: echoes after a perfect warp correlate by rho."""
    for rho in (1.0, 0.98, 0.95, 0.9, 0.85):
        yield lesion_case(
            "decorrelation",
            f"rho {rho:g}",
            seed,
            quick=rho in (0.95,),
            image=rho in (0.95, 0.85),
            build=partial(lesion_scene, seed=seed, correlation=rho),
            rho=rho,
        )


def large(seed: int) -> Iterator[Case]:
    """Up to 5 % strain, 100 samples of motion along the beam and 3 lines across it: cycle skips."""
    for strain, samples, lines in ((0.03, 0, 0), (0.05, 0, 0), (0.01, 100, 0), (0.01, 0, 3), (0.02, 60, 2)):
        seen = plain_imaging(DEEP) if samples > 60 else None
        build = partial(lesion_scene, strain=strain, seed=seed, imaging=seen, shift=(samples, lines))
        name = f"{100 * strain:g} %, {samples} samples, {lines} lines"
        yield lesion_case("large", name, seed, quick=strain == 0.05, build=build, strain=strain)


def frequency(seed: int) -> Iterator[Case]:
    """Other probes: centre frequency and sampling."""
    for sampling, centre in ((40e6, 3e6), (40e6, 7.5e6), (40e6, 10e6), (20e6, 5e6), (60e6, 10e6)):
        rows = round(SPEC.shape[0] * sampling / 40e6)
        spec = replace(SPEC, shape=(rows, 64), sampling_frequency=sampling, center_frequency=centre)
        build = partial(lesion_scene, seed=seed, imaging=plain_imaging(spec))
        name = f"{centre / 1e6:g} MHz at {sampling / 1e6:g} MHz"
        yield lesion_case(
            "frequency", name, seed, quick=centre == 7.5e6, build=build, center_frequency=centre
        )


def point_spread(seed: int) -> Iterator[Case]:
    """Other pulses and beams, and one that changes with depth."""
    families = {
        "bandwidth 0.35": plain_imaging(bandwidth=0.35),
        "bandwidth 0.9": plain_imaging(bandwidth=0.9),
        "beam 0.4 mm": plain_imaging(lateral_fwhm=0.4e-3),
        "beam 1.4 mm": plain_imaging(lateral_fwhm=1.4e-3),
        "focus, attenuation, tilt": varying_imaging(
            SPEC, focus=12e-3, attenuation_db_per_cm_mhz=0.5, tilt=(0.0, 0.03), n_zones=5
        ),
    }
    for name, imaging in families.items():
        build = partial(lesion_scene, seed=seed, imaging=imaging)
        yield lesion_case("point-spread", name, seed, quick=name.startswith("focus"), build=build)


def clutter(seed: int) -> Iterator[Case]:
    """Reverberation that does not move, over the upper third: pulls strain to zero."""
    for level in (-30.0, -20.0, -10.0):
        build = partial(lesion_scene, seed=seed, effects=[Clutter(level_db=level)])
        chosen = level == -20.0
        yield lesion_case(
            "clutter", f"{level:g} dB", seed, quick=chosen, image=chosen, build=build, level_db=level
        )


def _sphere_scene(inclusion: Inclusion, *, seed: int) -> Scene:
    phantom = Phantom(compression=SphereCompression(sphere=inclusion), regions=(inclusion,))
    return Scene(acquisition=make_pair(phantom, 0.01, seed=seed), inclusions=(inclusion,))


def sphere(seed: int) -> Iterator[Case]:
    """A sphere, as in real phantoms: less contrast, 5 / (3 + 2k), and motion out of plane."""
    for index in range(4):
        build = partial(_sphere_scene, seed=seed)
        yield lesion_case("sphere", f"{index + 1}", seed + index, quick=index == 0, build=build)


def slip(seed: int) -> Iterator[Case]:
    """Tissue that slides on a sloping boundary: the step is not strain, but looks like it in a window."""
    for way in (0.1e-3, 0.2e-3, 0.4e-3):
        depth = 0.6 * SPEC.shape[0] * SPEC.sample_pitch
        step = Mode(field=SlipBoundary(depth=depth, angle=0.1), amplitude=np.array([0.0, way]))
        build = partial(lesion_scene, seed=seed, extra=[step])
        chosen = way == 0.2e-3
        yield lesion_case("slip", f"{1e3 * way:g} mm", seed, quick=chosen, image=chosen, build=build)


def still(seed: int) -> Iterator[Case]:
    """No strain: how much is estimated nevertheless, with and without a rigid shift."""
    for snr, shift in ((10.0, (0.0, 0.0)), (20.0, (0.0, 0.0)), (30.0, (0.0, 0.0)), (20.0, (5.3, 0.4))):
        yield Case(
            group="still",
            name=f"{snr:g} dB, shift {shift[0]:g}, {shift[1]:g}",
            seed=seed,
            build=partial(uniform_scene, 0.0, seed=seed, in_band_snr_db=snr, shift=shift),
            quick=shift[0] == 0 and snr == 20.0,
            parameters={"snr_db": snr},
        )


def small(seed: int) -> Iterator[Case]:
    """0.05 and 0.1 %: a dead zone that suppresses noise of still tissue would lower contrast recovery."""
    for strain, index in product((0.0005, 0.001), range(2)):
        build = partial(lesion_scene, strain=strain, seed=seed + index)
        name = f"{100 * strain:g} %, {index + 1}"
        yield lesion_case(
            "small", name, seed, quick=index == 0 and strain == 0.001, build=build, strain=strain
        )


def _release_scene(inclusion: Inclusion, *, strain: float, seed: int) -> Scene:
    return replace(lesion_scene(inclusion, strain, seed=seed), pair=(1, 0), reversible=True)


def release(seed: int) -> Iterator[Case]:
    """Tissue that expands: as accurate as a press, and the same image as the press before it?"""
    for strain in (0.005, 0.01, 0.02):
        build = partial(_release_scene, strain=strain, seed=seed)
        name = f"{100 * strain:g} %"
        yield lesion_case("release", name, seed, quick=strain == 0.01, build=build, strain=strain)
