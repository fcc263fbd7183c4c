"""A whole simulated acquisition: frames on demand, and the truth of any pair of them.

For a single clean pair in a test:

    pair = simulate_pair(0.01)                                     # 1 % uniform compression
    pair = simulate_pair(0.02, inclusions=[Inclusion(depth=10e-3, radius=4e-3)], center_frequency=7e6)
    pair.pre, pair.post                                            # int16 (n_axial, n_lateral)
    pair.truth.axial_displacement                                  # samples, on the pre frame's coordinates

For a sequence:

    acquisition = simulate_acquisition(phantom, imaging, motion, seed=1)
    for rf in acquisition.frames(): ...
    acquisition.pair_truth(3, 5)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InvalidAcquisition
from engine.simulation.deformation import (
    Mode,
    Motion,
    PairMotion,
    motion,
    pair_motion,
    positions,
    rest_positions,
    unit_displacements,
)
from engine.simulation.effects import NOMINAL_RMS, Effect, Moment, Noise, quantise
from engine.simulation.field import Inclusion
from engine.simulation.imaging import Imaging, Zone, render
from engine.simulation.phantom import Phantom, inclusion_phantom
from engine.simulation.pointspread import FWHM, PointSpread
from engine.simulation.scatterers import Scatterers, draw_scatterers
from engine.spec import EngineSpec, FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class PairTruth:
    """True motion of a pair on the pre frame's coordinates; arrays are float32 (rows, cols).

    NaN where no tissue point can be named: within micrometres of a slip boundary, and in flowing blood.
    """

    axial_displacement: FloatArray
    """Samples, post position minus pre position."""
    lateral_displacement: FloatArray
    """Lines."""
    axial_strain: FloatArray
    """du/dz, negative = compressed from pre to post."""
    axial_index: FloatArray
    """(rows,), axial sample of each row."""
    lateral_index: FloatArray
    """(cols,), line of each column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedAcquisition:
    """Scatterers, how they move and how they are seen. Any frame can be made at any time, always the same."""

    phantom: Phantom
    imaging: Imaging
    motion: Motion
    scatterers: Scatterers
    elevational_fwhm: float | None
    effects: tuple[Effect, ...]
    seed: int

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.motion.n_frames

    def frames(self) -> Iterator[NDArray[np.int16]]:
        """Every frame in order, each int16 (n_axial, n_lateral)."""
        for index in range(self.n_frames):
            yield self.frame(index)

    def frame(self, index: int) -> NDArray[np.int16]:
        """One frame, int16 (n_axial, n_lateral), with every effect."""
        rf = self.echoes(index)
        moment = Moment(imaging=self.imaging, frame=index, seed=self.seed)
        for effect in self.effects:
            rf = effect.apply(rf, moment)
        return quantise(rf)

    def echoes(self, index: int) -> Tensor:
        """One frame of echoes alone, float32 counts (n_axial, n_lateral), nominal speckle RMS 1500."""
        cloud = self.scatterers
        z, x = positions(self.motion, index, cloud.z, cloud.x, self._units)
        amplitude = cloud.amplitude * self._gain
        if cloud.y is not None and self.elevational_fwhm is not None:
            plane = self.motion.elevation[index] + x * float(self.motion.elevation_tilt[index])
            amplitude = amplitude * torch.exp(
                -0.5 * ((cloud.y - plane) * (FWHM / self.elevational_fwhm)) ** 2
            )
        if self.phantom.flowing:
            rng = np.random.default_rng([self.seed, 2, index])
            flips = torch.from_numpy(rng.integers(0, 2, len(amplitude)) * 2.0 - 1.0)
            amplitude = torch.where(self._flows, amplitude * flips, amplitude)
        depth, arc = self.imaging.to_beam(z, x)
        if self.imaging.probe_radius > 0:  # wider beams hold more scatterers: speckle stays equally bright
            amplitude = amplitude / self.imaging.widening(depth).clamp(min=0.1).sqrt()
        return render(self.imaging, depth[None], arc[None], amplitude[None])[0]

    def pair_truth(
        self,
        i: int,
        j: int,
        *,
        axial_index: FloatArray | None = None,
        lateral_index: FloatArray | None = None,
    ) -> PairTruth:
        """True motion along and across the beams from frame i to frame j on frame i's coordinates.

        At every sample and line, or at the given samples and lines only (float, any order).
        """
        n_axial, n_lateral = self.imaging.spec.shape
        rows = np.arange(n_axial, dtype=np.float32) if axial_index is None else axial_index
        columns = np.arange(n_lateral, dtype=np.float32) if lateral_index is None else lateral_index
        depth, arc = self.imaging.beam_grid(torch.from_numpy(rows), torch.from_numpy(columns))
        z, x = self.imaging.to_plane(depth, arc)
        moved = pair_motion(self.motion, i, j, z, x)
        axial, lateral, strain = self._along_beams(moved, (z, x), (depth, arc))
        flows = self.phantom.flows(*rest_positions(self.motion, i, z, x))

        def as_array(value: Tensor) -> FloatArray:
            return value.masked_fill(flows, torch.nan).float().numpy()

        return PairTruth(
            axial_displacement=as_array(axial / self.imaging.spec.sample_pitch),
            lateral_displacement=as_array(lateral / self.imaging.spec.line_pitch),
            axial_strain=as_array(strain),
            axial_index=rows,
            lateral_index=columns,
        )

    def _along_beams(
        self, moved: PairMotion, plane: tuple[Tensor, Tensor], beam: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(axial, lateral, axial strain) of a pair's motion in the frame's own coordinates."""
        radius = self.imaging.probe_radius
        if radius == 0:
            return moved.axial, moved.lateral, moved.axial_strain
        depth, arc = self.imaging.to_beam(plane[0] + moved.axial, plane[1] + moved.lateral)
        # the beam's direction before, seen along the beam through where the point is after
        before, after = beam[1] / radius, arc / radius
        zz, zx, xz, xx = moved.gradient
        down = zz * torch.cos(before) + zx * torch.sin(before)
        across = xz * torch.cos(before) + xx * torch.sin(before)
        stretch = down * torch.cos(after) + across * torch.sin(after)
        return depth - beam[0], arc - beam[1], stretch - 1.0

    @cached_property
    def _units(self) -> list[tuple[Tensor, Tensor]]:
        """Displacement of the scatterers per unit of each mode: the same in every frame."""
        return unit_displacements(self.motion, self.scatterers.z, self.scatterers.x)

    @cached_property
    def _flows(self) -> Tensor:
        """Which scatterers are blood."""
        return self.phantom.flows(self.scatterers.z, self.scatterers.x)

    @cached_property
    def _gain(self) -> float:
        """Counts per unit of scatterer amplitude, so that speckle at 0 dB has the nominal RMS."""
        cloud, spread = self.scatterers, self.imaging.zones[0].point_spread
        power = cloud.density * cloud.elevation_power * spread.energy(self.imaging.spec.sound_speed)
        return NOMINAL_RMS / float(np.sqrt(power))


def simulate_acquisition(
    phantom: Phantom,
    imaging: Imaging,
    motion: Motion,
    *,
    per_cell: float = 30.0,
    elevational_fwhm: float | None = None,
    effects: Sequence[Effect] = (),
    seed: int = 0,
) -> SimulatedAcquisition:
    """Draw the scatterers of `phantom` and return the acquisition; frames are made when asked for.

    The same arguments give the same frames, bit for bit on one machine. `per_cell` and `elevational_fwhm`
    are those of `draw_scatterers`. Raises InvalidAcquisition for impossible constants.
    """
    scatterers = draw_scatterers(
        phantom,
        imaging,
        motion,
        per_cell=per_cell,
        elevational_fwhm=elevational_fwhm,
        rng=np.random.default_rng([seed, 0]),
    )
    return SimulatedAcquisition(
        phantom=phantom,
        imaging=imaging,
        motion=motion,
        scatterers=scatterers,
        elevational_fwhm=elevational_fwhm,
        effects=tuple(effects),
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedPair:
    """Two frames of one phantom, and what happened between them."""

    pre: NDArray[np.int16]
    post: NDArray[np.int16]
    truth: PairTruth
    """At every sample and line."""
    spec: EngineSpec
    acquisition: SimulatedAcquisition


def simulate_pair(
    compression: float,
    *,
    inclusions: Sequence[Inclusion] = (),
    shape: tuple[int, int] = (1024, 64),
    sampling_frequency: float = 40.0e6,
    center_frequency: float = 5.0e6,
    line_pitch: float = 0.3e-3,
    sound_speed: float = 1540.0,
    fractional_bandwidth: float = 0.6,
    lateral_fwhm: float = 0.7e-3,
    axial_shift: float = 0.0,
    lateral_shift: float = 0.0,
    in_band_snr_db: float | None = None,
    seed: int = 0,
) -> SimulatedPair:
    """A pair: at rest, then compressed by `compression` (0.01 = 1 %, negative = released) and shifted.

    Shifts in samples and lines. Without inclusions strain is uniform, -compression. 0.1-0.2 s for the
    default shape. `in_band_snr_db` adds white noise (see `Noise`); None adds none.
    """
    if not -0.2 < compression < 0.2:
        raise InvalidAcquisition(f"compression {compression:g}: give a fraction within 0.2 (0.01 = 1 %)")
    spec = EngineSpec(
        shape=shape,
        sampling_frequency=sampling_frequency,
        center_frequency=center_frequency,
        line_pitch=line_pitch,
        sound_speed=sound_speed,
    )
    spread = PointSpread(
        center_frequency=center_frequency,
        fractional_bandwidth=fractional_bandwidth,
        lateral_fwhm=lateral_fwhm,
    )
    phantom = inclusion_phantom(*inclusions)
    acquisition = simulate_acquisition(
        phantom,
        Imaging(spec=spec, zones=(Zone(depth=0.0, point_spread=spread),)),
        motion(
            [Mode(field=phantom.compression, amplitude=np.array([0.0, compression]))],
            axial_shift=np.array([0.0, axial_shift * spec.sample_pitch]),
            lateral_shift=np.array([0.0, lateral_shift * line_pitch]),
        ),
        effects=() if in_band_snr_db is None else (Noise(in_band_snr_db=in_band_snr_db),),
        seed=seed,
    )
    return SimulatedPair(
        pre=acquisition.frame(0),
        post=acquisition.frame(1),
        truth=acquisition.pair_truth(0, 1),
        spec=spec,
        acquisition=acquisition,
    )
