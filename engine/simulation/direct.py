"""The same frames by the exact sum over scatterers: slow, and what the fast form is checked against."""

import math

import numpy as np
import torch
from torch import Tensor

from engine.simulation.imaging import Imaging

# Scatterers evaluated at once: keeps the work below about 100 MB.
_CHUNK = 8192


def render_exact(imaging: Imaging, z: Tensor, x: Tensor, amplitude: Tensor) -> Tensor:
    """RF of scatterers at (z, x) as `imaging.render` returns it, each response evaluated at each sample.

    Between zones every scatterer has its own point-spread function: centre frequency, bandwidth, beam
    width and tilt are interpolated at its depth. There is no anti-aliasing filter. Inputs are
    (batch, scatterers); some seconds per 100 000 scatterers.
    """
    spec = imaging.spec
    n_axial, n_lateral = spec.shape
    spreads = [zone.point_spread for zone in imaging.zones]
    reach = math.ceil(max(s.axial_reach(spec.sound_speed) for s in spreads) * spec.sampling_frequency)
    border = math.ceil(max(s.lateral_reach for s in spreads) / spec.line_pitch)
    height, width = n_axial + 4 * reach, n_lateral + 4 * border
    frames = torch.zeros((z.shape[0], height * width), dtype=torch.float64, device=z.device)
    rows = torch.arange(-reach, reach + 1, device=z.device)[None, :, None]
    columns = torch.arange(-border, border + 1, device=z.device)[None, None, :]
    for frame, depth, lateral, strength in zip(frames, z, x, amplitude, strict=True):
        sample, line = imaging.axial_sample(depth), imaging.line(lateral)
        near = (sample > -reach) & (sample < n_axial - 1 + reach)
        near &= (line > -border) & (line < n_lateral - 1 + border)
        for chunk in torch.split(torch.nonzero(near)[:, 0], _CHUNK):
            row = sample[chunk].round().to(torch.int64)[:, None, None] + rows
            column = line[chunk].round().to(torch.int64)[:, None, None] + columns
            delay = (row - sample[chunk][:, None, None]) / spec.sampling_frequency
            across = (column - line[chunk][:, None, None]) * spec.line_pitch
            value = _response(imaging, depth[chunk], delay, across) * strength[chunk][:, None, None]
            place = (row + 2 * reach) * width + (column + 2 * border)
            frame.index_add_(0, place.reshape(-1), value.reshape(-1))
    image = frames.view(-1, height, width)
    return image[:, 2 * reach : 2 * reach + n_axial, 2 * border : 2 * border + n_lateral].float()


def _response(imaging: Imaging, depth: Tensor, delay: Tensor, across: Tensor) -> Tensor:
    """`PointSpread.response` with every constant interpolated at each scatterer's depth."""
    at = [zone.depth for zone in imaging.zones]
    spreads = [zone.point_spread for zone in imaging.zones]

    def by_depth(values: list[float]) -> Tensor:
        found = np.interp(depth.cpu().numpy(), at, values)
        return torch.from_numpy(found).to(depth.device)[:, None, None]

    frequency = by_depth([s.center_frequency for s in spreads])
    duration = by_depth([s.duration_sigma for s in spreads])
    beam = by_depth([s.lateral_sigma for s in spreads])
    slope = by_depth([2.0 * math.tan(s.tilt) / imaging.spec.sound_speed for s in spreads])
    delay = delay - across * slope
    envelope = torch.exp(-0.5 * (delay / duration) ** 2 - 0.5 * (across / beam) ** 2)
    envelope = envelope * by_depth([zone.amplitude for zone in imaging.zones])
    return envelope * torch.cos(2.0 * math.pi * frequency * delay)
