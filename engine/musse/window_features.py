"""Strain of a pair fitted over windows of many sizes: the input of the residual stage.

A line is fitted to the displacement in each window, every cell with the weight that tracking left for it:
the coherence-weighted least squares of the classical engine, for six windows at once, and the closed-form
standard deviation of each. These weights are speckle. They move the centre of a window from line to line, and
where tissue moves differently from line to line, its motion would pass for strain. So they count for what
tracking left, and the motion that post was warped by, which is smooth, has weights that are smooth as well
(docs/decisions/0042-tracked-motion-counts-at-the-centre-of-cells-and-windows.md).

A window is a fixed convolution (cells outside the frame weigh nothing, so borders need no care); large ones
work on cells pooled by two or four and are interpolated: they see no detail.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

from engine.musse.tracking_features import TrackingFeatures
from engine.strain.least_squares import box_overlap


@dataclass(frozen=True, slots=True)
class FitWindow:
    """A strain window in cells, and how many cells it may pool: a power of two, the same or less across."""

    length: float
    width: float
    pooled: int = 1
    pooled_across: int = 1


WINDOWS: Final = (
    FitWindow(6.0, 1.0),
    FitWindow(10.0, 1.7),
    FitWindow(16.0, 2.5, 2),
    FitWindow(26.0, 4.0, 2, 2),
    FitWindow(42.0, 6.0, 4, 2),
    FitWindow(68.0, 10.0, 4, 2),
)
"""0.9-10 mm by 0.6-6 mm at 5 MHz; 12 wavelengths, the classical engine's window there, lie between the second
and the third."""
SCALED_BY = 4  # the window that the strain scale is read from: robust, and still local
MAX_STRAIN = 0.3
TINY = 1e-12  # as a clamp: the ONNX optimiser takes "+ TINY" for "+ 0", and dead rows become NaN
MIN_COHERENCE = 0.05
SMOOTH = (5, 3)  # cells over which the coherence is taken that the tracked motion is weighted by
MOST = 1.03  # more than any coherence squared: certain motion is not weighted by its last digit
MIN_SPREAD = 0.05  # of a full window's
FLOOR = 2e-5  # of strain: below, the scale of a still pair would blow noise up


@dataclass(frozen=True, slots=True, eq=False)
class WindowFeatures:
    """Maps (batch, windows, rows, cols) of every window."""

    strain: Tensor
    strain_std: Tensor
    """Closed form for independent cells: right up to a factor that the network learns."""
    coherence: Tensor
    """Correlation over the window, -1 to 1."""
    certain: Tensor
    """(batch, rows, cols) weight of the tracked motion in these fits."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One window's line fit on its pooled cells, maps (batch, 1, rows, cols)."""

    slope: Tensor
    spread: Tensor
    """Weighted variance of depth in the window, cells squared."""
    total: Tensor
    """Weight in the window."""
    energy: Tensor


def _kernels(length: float, width: float) -> tuple[Tensor, Tensor]:
    """Of the three `sums`: (6, 3, n, 1) along depth and (3, 3, 1, m) across.

    Along depth it is the overlap with the window times distance to the power 0, 1, 2 for the weight, 0, 1
    for weighted displacement, and 0 for power: one convolution, because on so small maps every call counts.
    """
    half, side = (int(np.ceil((n - 1) / 2)) for n in (length, width))
    overlap, distance = box_overlap(2 * half + 1, 1.0, np.array([float(half)]), length)
    powers = [(overlap * distance**power)[:, 0] for power in range(3)]
    along = np.zeros((6, 3, 2 * half + 1, 1), np.float32)
    for out, (of, power) in enumerate(((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0))):
        along[out, of, :, 0] = powers[power]
    across = np.zeros((3, 3, 1, 2 * side + 1), np.float32)
    across[range(3), range(3), 0] = box_overlap(2 * side + 1, 1.0, np.array([float(side)]), width)[0][:, 0]
    return torch.from_numpy(along), torch.from_numpy(across)


KERNELS: Final = {
    window: _kernels(window.length / window.pooled, window.width / window.pooled_across) for window in WINDOWS
}


_PLACED: dict[torch.device, dict[FitWindow, tuple[Tensor, Tensor]]] = {}


def place_kernels(device: torch.device) -> None:
    """Keep the kernels on a device as well: a CUDA graph cannot capture their upload."""
    placed = {window: (a.to(device), b.to(device)) for window, (a, b) in KERNELS.items()}
    _PLACED[placed[WINDOWS[0]][0].device] = placed


def fit(maps: Tensor, window: FitWindow) -> Fit:
    """Fit a line to displacement around every cell of pooled `sums` (batch, 3, rows, cols)."""
    along, across = (kernel.to(maps) for kernel in _PLACED.get(maps.device, KERNELS)[window])
    rows, cols = along.shape[2] // 2, across.shape[3] // 2
    beside = conv2d(maps, across, padding=(0, cols))
    w, y, energy = conv2d(beside, along, padding=(rows, 0)).split((3, 2, 1), dim=1)
    total = w[:, :1]
    safe = total.clamp(min=TINY) + (MIN_COHERENCE * energy - total).clamp(min=0.0)
    mean_t, mean_y = w[:, 1:2] / safe, y[:, :1] / safe
    full = (window.length / window.pooled) ** 2 / 12
    spread = (w[:, 2:] / safe - mean_t * mean_t).clamp(min=MIN_SPREAD * full)
    slope = (y[:, 1:] / safe - mean_t * mean_y) / spread
    return Fit(slope / window.pooled, spread * window.pooled**2, total, energy)


def pooled(maps: Tensor, window: FitWindow) -> Tensor:
    """Sums over the window's pools of maps (batch, n, rows, cols); the last pools may be smaller."""
    p, q = window.pooled, window.pooled_across
    if (p, q) == (1, 1):
        return maps
    # padded, not ceil_mode: what a last, smaller pool is divided by differs between runtimes
    return (p * q) * avg_pool2d(pad(maps, (0, q - 1, 0, p - 1)), (p, q))


def spread_back(maps: Tensor, window: FitWindow) -> Tensor:
    """Pooled maps (batch, n, rows, cols) at every cell."""
    p, q = window.pooled, window.pooled_across
    if (p, q) == (1, 1):
        return maps
    return interpolate(maps, scale_factor=(float(p), float(q)), mode="bilinear", align_corners=False)


def power(cells: TrackingFeatures) -> Tensor:
    """What `weight` would be if both frames were equal, (batch, rows, cols)."""
    return (cells.energy[:, 0] * cells.energy[:, 1]).clamp(min=TINY).sqrt() * cells.coverage


def certainty(cells: TrackingFeatures, most: Tensor) -> Tensor:
    """Weight of the tracked motion: how certain its neighbourhood is. `most` is `power`."""
    padding = (SMOOTH[0] // 2, SMOOTH[1] // 2)
    weight, most = avg_pool2d(torch.stack((cells.weight, most), dim=1), SMOOTH, 1, padding).unbind(dim=1)
    coherence = (weight / most.clamp(min=TINY)).clamp(0.0, 1.0)
    squared = coherence * coherence
    return squared / (MOST - squared) * cells.coverage


def motion_sums(motion: Tensor, certain: Tensor) -> Tensor:
    """What `fit` takes for smooth motion, (batch, 3, rows, cols)."""
    return torch.stack((certain, certain * motion, certain), dim=1)


def slope_of(motion: Tensor, certain: Tensor, window: FitWindow) -> Tensor:
    """Slope of smooth motion in a window, (batch, 1, rows, cols), on pooled cells."""
    return fit(pooled(motion_sums(motion, certain), window), window).slope


def window_features(cells: TrackingFeatures) -> WindowFeatures:
    """Fit every window. Maps of `cells` are (batch, rows, cols)."""
    most = power(cells)
    certain = certainty(cells, most)
    left = torch.stack((cells.weight, cells.moment, most), dim=1)
    both = torch.cat((left, motion_sums(cells.axial, certain)))  # as one batch: on so small maps calls count
    rows, cols = cells.weight.shape[-2:]
    found = []
    for window in WINDOWS:
        line = fit(pooled(both, window), window)
        slope, motion = line.slope.chunk(2)
        spread, total, energy = (maps.chunk(2)[0] for maps in (line.spread, line.total, line.energy))
        coherence = (total / energy.clamp(min=TINY)).clamp(-0.99999, 0.99999)
        floored = coherence.clamp(min=MIN_COHERENCE)
        squared = floored * floored  # ** exports as Pow, which TensorRT-RTX gets wrong for negative bases
        variance = 0.5 * (1.0 - squared) / (squared * (window.length * window.width) * spread)
        maps_of_window = torch.cat((slope + motion, variance.sqrt(), coherence), dim=1)
        found.append(spread_back(maps_of_window, window)[..., :rows, :cols])
    strain, std, coherence = torch.stack(found, dim=2).unbind(dim=1)
    radians = cells.radians[:, None, :, None]
    return WindowFeatures(strain.clamp(-MAX_STRAIN, MAX_STRAIN), std / radians, coherence, certain)


def strain_scale(found: WindowFeatures, coverage: Tensor) -> Tensor:
    """(batch, 1, 1) typical absolute strain of a pair, above what noise alone would show.

    A weighted mean: medians cannot be compiled by every runtime.
    """
    strain, std = found.strain[:, SCALED_BY], found.strain_std[:, SCALED_BY]
    weight = coverage / (std + strain.abs() + FLOOR)
    total = weight.sum(dim=(-2, -1), keepdim=True).clamp(min=TINY)
    return (weight * strain.abs()).sum(dim=(-2, -1), keepdim=True) / total + FLOOR
