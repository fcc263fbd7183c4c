"""The suite's groups of many small lesions, of three frames, and of whole sequences."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from engine.simulation import Acquisition, Inclusion, inclusion_phantom, simulate_acquisition
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Noise
from engine.simulation.rhythm import press_and_release, wander
from tools.evaluate.suite.random_cases import (
    PER_CELL,
    drawn_inclusion,
    make_pair,
    make_triple,
    plain_imaging,
    uniform,
)
from tools.evaluate.suite.scene import ELEVATIONAL_FWHM, SPEC, Case, Scene

FRAME_RATE = 30.0
CYCLE = 12  # frames of one press and release
CUT_AT = 24  # frame of the cut: 0.8 s, more than the fusion's memory
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
    """Where lesions of every size and stiffness might have been."""
    rng = np.random.default_rng([seed, 11])
    return tuple(
        place
        for diameter, contrast in product(DIAMETERS, CONTRASTS)
        for place in _places(rng, diameter, contrast)
    )


def detectability(seed: int) -> Iterator[Case]:
    """Lesions of 1.5-6 mm, stiffness 0.5-4, rho 1-0.85, 20 dB: present or absent, known where."""
    for rho, index in product(RHOS, range(FRAMES_PER_SIZE)):

        def nothing(rho: float = rho, index: int = index) -> Scene:
            pair = make_pair(uniform(), 0.01, seed=seed + 300 + index, correlation=rho, in_band_snr_db=20.0)
            return Scene(acquisition=pair, lesions=tuple((place, False) for place in _without(seed + index)))

        yield Case(
            group="detectability",
            name=f"absent, rho {rho:g}, {index + 1}",
            seed=seed,
            build=nothing,
            kind="detection",
            quick=rho == 0.95 and index == 0,
            parameters={"rho": rho},
        )
    for rho, contrast, diameter, index in product(RHOS, CONTRASTS, DIAMETERS, range(FRAMES_PER_SIZE)):

        def build(
            rho: float = rho, contrast: float = contrast, diameter: float = diameter, index: int = index
        ) -> Scene:
            code = [seed, round(1e6 * diameter), round(10 * contrast), round(100 * rho), index]
            places = _places(np.random.default_rng(code), diameter, contrast)
            pair = make_pair(
                inclusion_phantom(*places), 0.01, seed=sum(code), correlation=rho, in_band_snr_db=20.0
            )
            return Scene(acquisition=pair, lesions=tuple((place, True) for place in places))

        yield Case(
            group="detectability",
            name=f"{1e3 * diameter:g} mm, stiffness {contrast:g}, rho {rho:g}, {index + 1}",
            seed=seed,
            build=build,
            kind="detection",
            quick=(rho, contrast, diameter, index) == (0.95, 2.0, 3e-3, 0),
            parameters={"rho": rho},
        )


def closure(seed: int) -> Iterator[Case]:
    """Three frames at 0, 1 and 1.6 %: do pairs 0-1 and 1-2 add up to pair 0-2, as well as sigma says?"""
    conditions = (("30 dB", 1.0, 30.0), ("15 dB", 1.0, 15.0), ("rho 0.97, 30 dB", 0.97, 30.0))
    for (name, rho, snr), index in product(conditions, range(2)):

        def build(rho: float = rho, snr: float = snr, index: int = index) -> Scene:
            inclusion = drawn_inclusion(np.random.default_rng([seed, 12, index]))
            triple = make_triple(
                inclusion_phantom(inclusion),
                (0.0, 0.01, 0.016),
                seed=seed + 400 + index,
                correlation=rho,
                in_band_snr_db=snr,
            )
            return Scene(acquisition=triple, pair=(0, 2), inclusions=(inclusion,))

        yield Case(
            group="closure",
            name=f"{name}, {index + 1}",
            seed=seed,
            build=build,
            kind="triple",
            quick=index == 0 and snr < 30.0,
            parameters={"rho": rho, "snr_db": snr},
        )


def drawn_large(rng: np.random.Generator) -> Inclusion:
    """One that a hand-held image has to show: hard, a quarter of the image wide."""
    depth, width = SPEC.shape[0] * SPEC.sample_pitch, SPEC.shape[1] * SPEC.line_pitch
    return Inclusion(
        depth=float(rng.uniform(0.4, 0.6) * depth),
        lateral=float(rng.uniform(-0.15, 0.15) * width),
        radius=float(rng.uniform(0.2, 0.26) * width),
        stiffness=float(rng.uniform(2.5, 5.0)),
    )


def hand_held(
    inclusion: Inclusion,
    n_frames: int,
    peak: float,
    seed: int,
    *,
    drift: float = 0.5e-3,
    aside: float = 0.1e-3,
) -> Acquisition:
    """Presses of 12 frames, `peak` high, with a hand's drift out of plane and aside (m), at 25 dB.

    Neighbouring frames correlate by 0.98-0.99. At 2 % they differ by 0.3 % strain on average, at 0.6 % by
    0.1 %, as free-hand in vivo.
    """
    rngs = [np.random.default_rng([seed, 8, k]) for k in range(3)]
    phantom = inclusion_phantom(inclusion)
    press = press_and_release(n_frames, FRAME_RATE, peak=peak, period=CYCLE / FRAME_RATE, rng=rngs[0])
    return simulate_acquisition(
        phantom,
        plain_imaging(),
        motion(
            [Mode(field=phantom.compression, amplitude=press)],
            elevation=wander(n_frames, FRAME_RATE, reach=drift, period=1.8, rng=rngs[1]),
            lateral_shift=wander(n_frames, FRAME_RATE, reach=aside, rng=rngs[2]),
        ),
        per_cell=8.0,
        elevational_fwhm=ELEVATIONAL_FWHM,
        effects=[Noise(in_band_snr_db=25.0)],
        seed=seed,
    )


def cycles(seed: int) -> Iterator[Case]:
    """Three hand-held cycles: single pairs and the fused image, frame by frame, by kind of pairing."""
    for hand, index in product(("firm", "light"), range(3)):

        def build(hand: str = hand, index: int = index) -> Scene:
            inclusion = drawn_large(np.random.default_rng([seed, 9, index]))
            peak = 0.02 if hand == "firm" else 0.006
            return Scene(
                acquisition=hand_held(inclusion, 3 * CYCLE, peak, seed + index),
                inclusions=(inclusion,),
                frame_rate=FRAME_RATE,
            )

        yield Case(
            group="cycles",
            name=f"{hand} hand {index + 1}",
            seed=seed,
            build=build,
            kind="cycle",
            quick=hand == "firm" and index == 0,
            image=index == 0,
            parameters={"hand": hand},
        )


def _steady(inclusion: Inclusion, seed: int) -> Acquisition:
    """Presses of 1 % at 30 dB that begin in full motion: what limits the response is the fusion alone."""
    press = 0.005 * (1.0 - np.cos(2.0 * np.pi * (np.arange(CUT_AT) + 2.0) / CYCLE))
    phantom = inclusion_phantom(inclusion)
    return simulate_acquisition(
        phantom,
        plain_imaging(),
        motion([Mode(field=phantom.compression, amplitude=press)]),
        per_cell=PER_CELL,
        effects=[Noise(in_band_snr_db=30.0)],
        seed=seed,
    )


def cut(seed: int) -> Iterator[Case]:
    """The image jumps to another phantom: how soon does the fused image show it?"""
    for index in range(3):

        def build(index: int = index) -> Scene:
            first, second = (
                _steady(drawn_large(np.random.default_rng([seed, 10, index, k])), seed + 50 + 2 * index + k)
                for k in range(2)
            )
            return Scene(acquisition=first, after=second, frame_rate=FRAME_RATE)

        yield Case(group="cut", name=f"cut {index + 1}", seed=seed, build=build, kind="cut", quick=index == 0)
