"""One simulated case: the acquisition, the frames of its pairs, and the region of the figures."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from engine.metrics.accuracy import Map, Mask
from engine.simulation import Inclusion, PairTruth, SimulatedAcquisition
from engine.simulation.pointspread import FWHM
from engine.spec import EngineSpec, FloatArray
from engine.strain.bound import BoundCase

SHAPE = (1200, 64)
SPEC = EngineSpec(shape=SHAPE, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
ROW_MM = 0.154  # of the evaluation grid: eight samples at 40 MHz
AXIAL_MARGIN = 2.0e-3  # m left out at top and bottom: a whole strain window
LATERAL_MARGIN = 1.0e-3
ELEVATIONAL_FWHM = 1.5e-3  # m, two-way, of the slab of scatterers

Kind = Literal["pair", "spectra", "detection", "triple", "cycle", "cut"]
Parameters = Mapping[str, float | str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The simulated content of one case."""

    acquisition: SimulatedAcquisition
    pair: tuple[int, int] = (0, 1)
    inclusions: tuple[Inclusion, ...] = ()
    """Inclusions that define target, background and edges; at rest."""
    uniform: bool = False
    """Whether true strain is the same everywhere, so that SNRe is defined."""
    bound: BoundCase | None = None
    blobs: bool = False
    """Whether to count false lesions and to compare with the estimate of the mirrored pair."""
    reversible: bool = False
    """Whether to compare with the estimate of the swapped pair: press and release must look the same."""
    lesions: tuple[tuple[Inclusion, bool], ...] = ()
    """Sites with a lesion (True) or without one (False)."""
    after: SimulatedAcquisition | None = None
    """The acquisition after a cut."""
    frame_rate: float = 30.0

    @property
    def spec(self) -> EngineSpec:
        """Of the acquisition."""
        return self.acquisition.imaging.spec


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One case of the suite; everything random in it is determined by `seed`."""

    group: str
    name: str
    seed: int
    build: Callable[[], Scene]
    kind: Kind = "pair"
    quick: bool = False
    """Whether it is also part of the quick suite."""
    image: bool = False
    """Whether its maps are shown in the report."""
    windows: tuple[tuple[float, float], ...] = ()
    """Strain windows (wavelengths, lines) to sweep; none: the engine's default."""
    parameters: Parameters = field(default_factory=dict)


def evaluation_grid(spec: EngineSpec) -> tuple[FloatArray, FloatArray]:
    """Rows (samples) and columns (lines) on which every method is compared."""
    step = max(1, round(ROW_MM * 1e-3 / spec.sample_pitch))
    rows = np.arange(0, spec.shape[0], step, dtype=np.float32)
    return rows, np.arange(spec.shape[1], dtype=np.float32)


def inner_region(spec: EngineSpec, truth: PairTruth) -> Mask:
    """Rectangle of the grid one strain window from every border, in pre and at its position in post."""
    rows, columns = truth.axial_index, truth.lateral_index
    down, aside = AXIAL_MARGIN / spec.sample_pitch, LATERAL_MARGIN / spec.line_pitch
    inside = np.ones(truth.axial_strain.shape, bool)
    for place, moved, margin, last in (
        (rows[:, None], truth.axial_displacement, down, spec.shape[0] - 1),
        (columns[None, :], truth.lateral_displacement, aside, spec.shape[1] - 1),
    ):
        there = place + np.nan_to_num(moved)
        inside &= (place >= margin) & (place <= last - margin)
        inside &= (there >= margin / 2) & (there <= last - margin / 2)
    # a rectangle, so that the mean strain is the difference of displacement across it
    kept_rows = inside.mean(axis=1) > 0.5 * inside.mean(axis=1).max()
    kept_columns = inside[kept_rows].all(axis=0)
    kept_rows &= inside[:, kept_columns].all(axis=1)
    return np.asarray(kept_rows[:, None] & kept_columns[None, :])


def distances(spec: EngineSpec, inclusion: Inclusion, rows: Map, columns: Map) -> tuple[Map, Map]:
    """Axial and lateral distance (m) of every grid point from an inclusion's centre, (rows, columns)."""
    z = rows * spec.sample_pitch - inclusion.depth
    x = (columns - (spec.shape[1] - 1) / 2.0) * spec.line_pitch - inclusion.lateral
    return np.broadcast_to(z[:, None], (len(z), len(x))), np.broadcast_to(x[None, :], (len(z), len(x)))


def elevation_for(correlation: float) -> float:
    """How far (m) the plane must move across itself for echoes to correlate by `correlation`.

    Two Gaussian slabs of amplitude standard deviation s at distance d share exp(-d^2 / (4 s^2)).
    """
    return 2.0 * (ELEVATIONAL_FWHM / FWHM) * math.sqrt(-math.log(correlation))
