"""Point scatterers: where they rest, how strong they are, and how many fully developed speckle needs."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.simulation.deformation import Motion, unit_displacements
from engine.simulation.imaging import Imaging
from engine.simulation.phantom import Phantom
from engine.simulation.pointspread import FWHM

# Standard deviations of the elevational beam that hold scatterers: exp(-3^2 / 2) is -39 dB.
_SLAB_REACH = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Scatterers:
    """A cloud at rest. Tensors are (scatterers,), float64."""

    z: Tensor
    """m."""
    x: Tensor
    """m."""
    y: Tensor | None
    """m across the image plane; None where everything lies in the plane."""
    amplitude: Tensor
    density: float
    """Scatterers per m^2 of image plane, all elevations together."""
    elevation_power: float
    """Mean squared elevational weight: 1 where everything lies in the plane."""


def draw_scatterers(
    phantom: Phantom,
    imaging: Imaging,
    motion: Motion,
    *,
    per_cell: float = 30.0,
    elevational_fwhm: float | None = None,
    rng: np.random.Generator,
) -> Scatterers:
    """Uniformly random scatterers of random sign wherever the image can reach in any frame.

    `per_cell` counts scatterers in one resolution cell (-6 dB envelope length times beam width, times
    `elevational_fwhm` where given); 10 or more give fully developed speckle. `elevational_fwhm` (m,
    two-way) spreads them over a slab, so that a plane that moves across itself sees others come and go.
    """
    shallow, deep, half_width = rest_extent(imaging, motion)
    radius = imaging.probe_radius
    density = per_cell / _cell_area(imaging)
    low, high, elevation_power = 0.0, 0.0, 1.0
    if elevational_fwhm is not None:
        sigma = elevational_fwhm / FWHM
        swing = np.abs(motion.elevation_tilt) * half_width
        low = float((motion.elevation - swing).min()) - _SLAB_REACH * sigma
        high = float((motion.elevation + swing).max()) + _SLAB_REACH * sigma
        density *= (high - low) / elevational_fwhm
        elevation_power = math.sqrt(math.pi) * sigma / (high - low)
    wider = 1.0 if radius == 0 else 1.0 + (shallow + deep) / 2.0 / radius  # of the area that the arc spans
    count = round(density * (deep - shallow) * 2.0 * half_width * wider)
    z = rng.uniform(shallow, deep, count)
    if radius > 0:  # evenly over the area: beams widen with depth
        share = (z - shallow) / (deep - shallow)
        ends = (radius + shallow) ** 2, (radius + deep) ** 2
        z = np.sqrt(ends[0] + share * (ends[1] - ends[0])) - radius
    x = rng.uniform(-half_width, half_width, count)
    sign = rng.integers(0, 2, count) * 2.0 - 1.0
    y = rng.uniform(low, high, count) if elevational_fwhm is not None else None
    # In the order of memory (line by line), so that spreading them walks through the grid.
    order = np.lexsort((z, np.floor(x / imaging.spec.line_pitch)))
    z_rest, x_rest = imaging.to_plane(torch.from_numpy(z[order]), torch.from_numpy(x[order]))
    return Scatterers(
        z=z_rest,
        x=x_rest,
        y=None if y is None else torch.from_numpy(y[order]),
        amplitude=torch.from_numpy(sign[order]) * phantom.echo(z_rest, x_rest),
        density=density,
        elevation_power=elevation_power,
    )


def _cell_area(imaging: Imaging) -> float:
    """m^2 of the smallest resolution cell of the image."""
    half_speed = imaging.spec.sound_speed / 2.0
    spreads = [zone.point_spread for zone in imaging.zones]
    return min(FWHM * s.duration_sigma * half_speed * s.lateral_fwhm for s in spreads)


def rest_extent(imaging: Imaging, motion: Motion) -> tuple[float, float, float]:
    """(shallowest, deepest, half width) of all that any frame can show, at rest: m of depth and of arc."""
    spec = imaging.spec
    spreads = [zone.point_spread for zone in imaging.zones]
    axial = max(s.axial_reach(spec.sound_speed) for s in spreads) * spec.sound_speed / 2.0
    lateral = max(s.lateral_reach for s in spreads)
    deep, half_width = imaging.depth + axial, imaging.half_width + lateral
    edge_z = torch.linspace(-axial, deep, 33, dtype=torch.float64)
    edge_x = torch.linspace(-half_width, half_width, 33, dtype=torch.float64)
    z, x = imaging.to_plane(*torch.meshgrid(edge_z, edge_x, indexing="ij"))
    unit = unit_displacements(motion, z.reshape(-1), x.reshape(-1))
    amplitude = np.stack([mode.amplitude for mode in motion.modes], axis=1)
    moved_z = amplitude @ torch.stack([u_z for u_z, _ in unit]).numpy()
    moved_x = amplitude @ torch.stack([u_x for _, u_x in unit]).numpy()
    # Displacement at the rest point differs from that at the place in the image by its own gradient.
    spare = 1.2
    turn = np.abs(np.sin(motion.rotation)).max()
    more_z = spare * np.abs(moved_z).max() + np.abs(motion.axial_shift).max() + turn * half_width
    more_x = spare * np.abs(moved_x).max() + np.abs(motion.lateral_shift).max() + turn * deep
    if imaging.probe_radius > 0:  # beams have every direction of the plane
        more_z = more_x = float(more_z) + float(more_x)
    return -axial - float(more_z), deep + float(more_z), half_width + float(more_x)
