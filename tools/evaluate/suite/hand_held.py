"""Hand-held sequences: presses with drift, and a cut from one phantom to another."""

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np

from engine.simulation import Inclusion, SimulatedAcquisition, inclusion_phantom, simulate_acquisition
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Noise
from engine.simulation.rhythm import press_and_release, wander
from tools.evaluate.suite.random_cases import PER_CELL, plain_imaging
from tools.evaluate.suite.scene import ELEVATIONAL_FWHM, SPEC, Case, Scene

FRAME_RATE = 30.0
CYCLE = 12  # frames of one press and release
CUT_AT = 24  # frame of the cut: 0.8 s, more than the fusion's memory


def drawn_large(rng: np.random.Generator) -> Inclusion:
    """A hard inclusion, a quarter of the image wide, which a hand-held image must show."""
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
) -> SimulatedAcquisition:
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


def _cycles_scene(hand: str, index: int, *, seed: int) -> Scene:
    inclusion = drawn_large(np.random.default_rng([seed, 9, index]))
    peak = 0.02 if hand == "firm" else 0.006
    return Scene(
        acquisition=hand_held(inclusion, 3 * CYCLE, peak, seed + index),
        inclusions=(inclusion,),
        frame_rate=FRAME_RATE,
    )


def cycles(seed: int) -> Iterator[Case]:
    """Three hand-held cycles: single pairs and the fused image, frame by frame, by pairing mode."""
    for hand, index in product(("firm", "light"), range(3)):
        yield Case(
            group="cycles",
            name=f"{hand} hand {index + 1}",
            seed=seed,
            build=partial(_cycles_scene, hand, index, seed=seed),
            kind="cycle",
            quick=hand == "firm" and index == 0,
            image=index == 0,
            parameters={"hand": hand},
        )


def _steady(inclusion: Inclusion, seed: int) -> SimulatedAcquisition:
    """Presses of 1 % at 30 dB that begin in full motion, so that only the fusion limits the response."""
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


def _cut_scene(index: int, *, seed: int) -> Scene:
    first, second = (
        _steady(drawn_large(np.random.default_rng([seed, 10, index, k])), seed + 50 + 2 * index + k)
        for k in range(2)
    )
    return Scene(acquisition=first, after=second, frame_rate=FRAME_RATE)


def cut(seed: int) -> Iterator[Case]:
    """The tissue changes to another phantom: how soon does the fused image show it?"""
    for index in range(3):
        yield Case(
            group="cut",
            name=f"cut {index + 1}",
            seed=seed,
            build=partial(_cut_scene, index, seed=seed),
            kind="cut",
            quick=index == 0,
        )
