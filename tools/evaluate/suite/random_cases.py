"""Random construction of the suite's cases: geometry, motion, probe and disturbances of one pair."""

import math
from collections.abc import Sequence

import numpy as np

from engine.simulation import (
    Inclusion,
    Phantom,
    SimulatedAcquisition,
    inclusion_phantom,
    simulate_acquisition,
)
from engine.simulation.deformation import Mode, motion
from engine.simulation.effects import Effect, Noise
from engine.simulation.fem import TissueBlock
from engine.simulation.imaging import Imaging, Zone
from engine.simulation.pointspread import PointSpread
from engine.simulation.tissue import Layer, RandomStiffness, elastic_phantom
from engine.spec import EngineSpec
from engine.strain.bound import BoundCase, stretch_correlation
from tools.evaluate.suite.scene import ELEVATIONAL_FWHM, SPEC, elevation_for

BANDWIDTH = 0.6
LATERAL_FWHM = 0.7e-3
PER_CELL = 12.0  # scatterers in a resolution cell: fully developed speckle, at a third of the usual cost
ELEMENT = 0.8e-3


def plain_imaging(
    spec: EngineSpec = SPEC, *, bandwidth: float = BANDWIDTH, lateral_fwhm: float = LATERAL_FWHM
) -> Imaging:
    """One point-spread function at every depth."""
    spread = PointSpread(
        center_frequency=spec.center_frequency, fractional_bandwidth=bandwidth, lateral_fwhm=lateral_fwhm
    )
    return Imaging(spec=spec, zones=(Zone(depth=0.0, point_spread=spread),))


def drawn_inclusion(rng: np.random.Generator, spec: EngineSpec = SPEC) -> Inclusion:
    """One round inclusion that lies inside the image, hard (1.5-5) or, one in four times, soft."""
    depth, width = spec.shape[0] * spec.sample_pitch, spec.shape[1] * spec.line_pitch
    radius = float(rng.uniform(0.11, 0.18) * min(depth, width))
    hard = rng.uniform() < 0.75
    return Inclusion(
        depth=float(rng.uniform(0.38, 0.62) * depth),
        lateral=float(rng.uniform(-0.15, 0.15) * width),
        radius=radius,
        stiffness=float(np.exp(rng.uniform(np.log(1.5), np.log(5.0)) * (1.0 if hard else -0.7))),
        echo_db=float(rng.uniform(-3.0, 3.0)),
    )


def make_pair(
    phantom: Phantom,
    strain: float,
    *,
    seed: int,
    imaging: Imaging | None = None,
    correlation: float = 1.0,
    in_band_snr_db: float | None = 30.0,
    effects: Sequence[Effect] = (),
    shift: tuple[float, float] = (0.0, 0.0),
    extra: Sequence[Mode] = (),
) -> SimulatedAcquisition:
    """Rest and compressed by `strain`; `shift` in samples and lines, `effects` come before the noise."""
    seen = imaging or plain_imaging()
    spec = seen.spec
    noise = () if in_band_snr_db is None else (Noise(in_band_snr_db=in_band_snr_db),)
    moves = motion(
        [Mode(field=phantom.compression, amplitude=np.array([0.0, strain])), *extra],
        axial_shift=np.array([0.0, shift[0] * spec.sample_pitch]),
        lateral_shift=np.array([0.0, shift[1] * spec.line_pitch]),
        elevation=np.array([0.0, elevation_for(correlation)]),
    )
    return simulate_acquisition(
        phantom,
        seen,
        moves,
        per_cell=PER_CELL,
        elevational_fwhm=ELEVATIONAL_FWHM if correlation < 1.0 else None,
        effects=(*effects, *noise),
        seed=seed,
    )


def make_triple(
    phantom: Phantom, strains: Sequence[float], *, seed: int, correlation: float, in_band_snr_db: float
) -> SimulatedAcquisition:
    """Frames compressed by each of `strains`; neighbours correlate by `correlation`, farther ones by less."""
    return simulate_acquisition(
        phantom,
        plain_imaging(),
        motion(
            [Mode(field=phantom.compression, amplitude=np.asarray(strains, float))],
            elevation=elevation_for(correlation) * np.arange(len(strains), dtype=np.float64),
        ),
        per_cell=PER_CELL,
        elevational_fwhm=ELEVATIONAL_FWHM if correlation < 1.0 else None,
        effects=[Noise(in_band_snr_db=in_band_snr_db)],
        seed=seed,
    )


def bound_case(strain: float, *, correlation: float = 1.0, in_band_snr_db: float = math.inf) -> BoundCase:
    """The bound's inputs for a pair of `plain_imaging`, stretched pulses included."""
    return BoundCase(
        center_frequency=SPEC.center_frequency,
        fractional_bandwidth=BANDWIDTH,
        axial_window=SPEC.axial_window,
        lateral_window=SPEC.lateral_window,
        line_pitch=SPEC.line_pitch,
        in_band_snr_db=in_band_snr_db,
        correlation=correlation * stretch_correlation(strain, BANDWIDTH),
    )


def block(element: float = ELEMENT) -> TissueBlock:
    """Tissue a fifth deeper and two fifths wider than the image, so that its free borders lie outside."""
    return TissueBlock(
        height=1.2 * SPEC.shape[0] * SPEC.sample_pitch,
        width=1.4 * SPEC.shape[1] * SPEC.line_pitch,
        element=element,
    )


def random_field(
    seed: int, *, correlation_length: float, spread: float = 0.4, element: float = ELEMENT
) -> Phantom:
    """Tissue of random stiffness without distinct shapes; finite elements of `element` metres."""
    return elastic_phantom(
        block(element),
        background=RandomStiffness(correlation_length=correlation_length, spread=spread, seed=seed),
    )


def layered(rng: np.random.Generator) -> Phantom:
    """Two layers of different stiffness at random depths."""
    depth = SPEC.shape[0] * SPEC.sample_pitch
    edges = np.sort(rng.uniform(0.2, 0.9, 2)) * depth
    layers = [
        Layer(top=-1.0, bottom=float(edges[0]), stiffness=float(rng.uniform(0.5, 2.0))),
        Layer(top=float(edges[1]), bottom=1.0, stiffness=float(rng.uniform(0.5, 2.0))),
    ]
    return elastic_phantom(block(), layers)


def uniform() -> Phantom:
    """Uniform tissue without inclusions."""
    return inclusion_phantom()
