"""Iterated phase tracking on canonical IQ: warp post by the motion so far, read the rest from the phase.

The phase of the windowed product pre * conj(warped post) is zero where the motion is right, whatever the
carrier (phase zero: Pesavento et al., IEEE Trans. UFFC 46(5), 1999); the carrier, measured per depth with the
lag-one autocorrelator (Loupas et al., IEEE Trans. UFFC 42(4), 1995), only sets how fast that is reached.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.iq import OVERSAMPLING, ROWS_PER_CYCLE, IqGrid
from engine.reference.coarse import ROWS_PER_CELL, Cells, CoarseSearch
from engine.reference.windows import Nodes, Window
from engine.warp import warp

# lengths along depth are in cycles of a frame up to 250 cycles deep, and longer by a whole number beyond: a
# share of the depth then, so that the work hardly grows with the carrier
CYCLES = 250
PASSES = ((4.0, 2.0), (2.0, 1.0))  # window: cycles of depth, mm across; from robust to fine
LATERAL_BLUR = (20.0, 3.0)  # cycles, mm: lateral motion carries no phase, so it needs a larger window
NODE_CYCLES = 2
NODE_MM = 0.5
SKIP = 2  # the passes look at every second row only: a pulse is longer than that
ALL_ROWS = 750  # up to here products are left on every row, beyond on every second: one per cycle
CARRIER_LINES = 2  # the carrier is measured on every second line: neighbours nearly agree
GAIN_MM = 5.0  # reach of the local gain that makes both frames comparable
COARSE_MM = 3.0  # window of the coarse search across
COARSE_CELL_MM = 0.5  # about a beam width
MIN_CURVATURE = 0.02  # of log correlation per line squared; flatter says nothing about lateral motion
TINY = 1e-20


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What one frame brings to a pair, whether as pre or as post."""

    planes: Tensor
    """(2, n_lines, OVERSAMPLING * n_rows): real and imaginary part over the frame's own local amplitude."""
    known: Tensor
    """(n_lines, n_rows): 1 where the frame holds samples, 0 in dead rows."""
    lag_one: Tensor
    """(2, rows) products of rows with their neighbours, summed over lines: the carrier's phase."""
    cells: Cells


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Motion and the products left after it, on every `Tracker.every`-th row: (n_lines, rows) float32."""

    axial: Tensor
    """Motion that post was warped by, in samples."""
    lateral: Tensor
    """lines"""
    in_phase: Tensor
    """Real part of pre * conj(warped post)."""
    quadrature: Tensor
    """Its imaginary part: in_phase times the residual phase, where that is small."""
    energy: Tensor
    """(2, n_lines, rows): squared magnitudes of pre and of warped post."""
    known: Tensor
    """Share of each pixel that both frames hold, 0-1."""
    radians: Tensor
    """(rows,) phase per sample of residual motion."""


class Tracker:
    """Tracks pairs of one canonical grid. Holds constants only."""

    def __init__(
        self, grid: IqGrid, n_lines: int, line_pitch: float, sample_pitch: float, device: torch.device
    ) -> None:
        self._grid = grid
        lines_per_mm = 1e-3 / line_pitch
        rows_per_mm = 1e-3 / (sample_pitch * grid.pitch)
        self.every = 1 if grid.n_rows <= ALL_ROWS else 2
        longer = max(1, round(grid.n_rows / ROWS_PER_CYCLE / CYCLES))
        self._skip, self._longer = SKIP * longer, longer
        node_lines = max(1, round(NODE_MM * lines_per_mm))
        per_cycle = ROWS_PER_CYCLE / SKIP
        n_seen = len(range(0, grid.n_rows, self._skip))
        self._nodes = Nodes(n_lines, n_seen, node_lines, round(NODE_CYCLES * per_cycle), device)
        self._spread = self._nodes.at(np.arange(n_lines), np.arange(0, grid.n_rows, self.every) / self._skip)
        self._windows = [self._nodes.window(mm * lines_per_mm, cycles * per_cycle) for cycles, mm in PASSES]
        self._smooth = self._nodes.blur(1.0 * lines_per_mm, 4.0 * per_cycle)
        self._side = self._nodes.blur(LATERAL_BLUR[1] * lines_per_mm, LATERAL_BLUR[0] * per_cycle)
        gain_lines, gain_rows = GAIN_MM * lines_per_mm, GAIN_MM * rows_per_mm / longer
        n_levelled = len(range(0, grid.n_rows, longer))
        nodes = Nodes(
            n_lines, n_levelled, max(1, round(gain_lines / 4)), max(1, round(gain_rows / 4)), device
        )
        self._gain_window = nodes.window(gain_lines / 2, gain_rows / 2)
        self._spread_gain = nodes.at(np.arange(n_lines), np.arange(grid.n_rows) / longer)
        cell_lines = min(max(1, round(COARSE_CELL_MM * lines_per_mm)), n_lines // 2)
        self._coarse = CoarseSearch(n_lines, grid.n_rows, cell_lines, COARSE_MM * lines_per_mm, device)
        self._from_coarse = self._coarse.nodes.at(
            (self._nodes.lines + 0.5) / cell_lines - 0.5,
            (self._nodes.rows * self._skip + 0.5) / ROWS_PER_CELL - 0.5,
        )
        self._node_row = torch.from_numpy(self._nodes.rows * self._skip).round().long().to(device)
        self._row = torch.arange(grid.n_rows, device=device, dtype=torch.float32)[None]
        self._line = torch.arange(n_lines, device=device, dtype=torch.float32)[:, None]

    def prepare(self, iq: Tensor, known: Tensor) -> Prepared:
        """Level a frame (n_lines, OVERSAMPLING * n_rows) complex64, and take from it what every pair needs.

        `known` (n_lines, n_rows) is 1 where the frame holds samples and 0 in dead rows.
        """
        some = iq[:, :: OVERSAMPLING * self._longer]
        held = known[:, :: self._longer]
        re, im = some.real * held, some.imag * held
        local = self._gain_window(torch.stack((magnitude_squared(re, im), held)))
        power = local[0] / local[1].clamp(min=1e-3)
        gain = self._spread_gain(power.clamp(min=power.mean() * 1e-8 + 1e-30)).rsqrt_().mul_(known)
        fine = gain.repeat_interleave(OVERSAMPLING, dim=1)
        planes = torch.empty(2, *iq.shape, device=iq.device)
        torch.mul(iq.real, fine, out=planes[0])
        torch.mul(iq.imag, fine, out=planes[1])
        re, im = planes[..., ::OVERSAMPLING].contiguous()
        some = torch.stack((re[::CARRIER_LINES], im[::CARRIER_LINES]))
        parts = product(some[..., 1 :: self._longer], some[..., : -1 : self._longer])
        lag_one = torch.stack([part.sum(0) for part in parts])
        return Prepared(
            planes=planes,
            known=known,
            lag_one=lag_one,
            cells=self._coarse.cells(magnitude_squared(re, im).sqrt_(), known),
        )

    def __call__(self, pre: Prepared, post: Prepared) -> Track:
        """Track pre to post, both prepared here."""
        radians = self._carrier(pre.lag_one + post.lag_one)
        node_radians = radians[self._node_row]
        axial, lateral = (self._from_coarse(motion) for motion in self._coarse(pre.cells, post.cells))
        axial = axial * self._grid.pitch
        seen = pre.planes[..., :: OVERSAMPLING * self._skip].contiguous()
        for window in self._windows:
            u, v = self._nodes.spread(torch.stack((axial, lateral)))
            warped = self._warp(post.planes, u, v, self._skip)
            sums = window(torch.stack(product(seen, warped)))
            size = magnitude(sums) + TINY  # both frames are levelled: it weights by coherence
            moved = self._smooth(torch.stack((torch.atan2(sums[1], sums[0]) * size, size)))
            lateral = lateral + self._lateral_step(seen, warped, size, window)
            axial = axial + moved[0] / moved[1] / node_radians
        u, v = self._spread(torch.stack((axial, lateral)))
        warped = self._warp(post.planes, u, v, self.every)
        held = warp(post.known[None], self._row[:, :: self.every] + u / self._grid.pitch, self._line + v)[0]
        a = pre.planes[..., :: OVERSAMPLING * self.every].contiguous()
        in_phase, quadrature = product(a, warped)
        return Track(
            axial=u,
            lateral=v,
            in_phase=in_phase,
            quadrature=quadrature,
            energy=torch.stack((magnitude_squared(*a), magnitude_squared(*warped))),
            known=held.mul_(pre.known[:, :: self.every]),
            radians=radians[:: self.every],
        )

    def _carrier(self, lag_one: Tensor) -> Tensor:
        """Radians per sample for every row (Loupas)."""
        along = self._gain_window.along[: lag_one.shape[1]]
        profile = lag_one @ along @ self._spread_gain.along
        return torch.atan2(profile[1], profile[0]) / self._grid.pitch + 2 * torch.pi * self._grid.frequency

    def _warp(self, b: Tensor, u: Tensor, v: Tensor, skip: int) -> Tensor:
        """Post displaced by u samples and v lines on every `skip`-th row (2, lines, rows), pre's carrier."""
        rows = (self._row[:, ::skip] + u / self._grid.pitch) * OVERSAMPLING
        re, im = warp(b, rows, self._line + v)
        angle = u * (2 * torch.pi * self._grid.frequency)
        cos, sin = angle.cos(), angle.sin()
        return torch.stack((torch.addcmul(re * cos, im, sin, value=-1), torch.addcmul(im * cos, re, sin)))

    def _lateral_step(self, a: Tensor, warped: Tensor, size: Tensor, window: Window) -> Tensor:
        """Lines still to move: where the correlation with warped post's neighbouring lines peaks.

        Both sides are summed over the same pairs of lines, crosswise, so that they are equal, and the step
        exactly zero, where warped post equals pre. `size` is the correlation without a shift.
        """
        maps = a.new_zeros(2, 2, *a.shape[1:])
        maps[0, 0, 1:], maps[0, 1, 1:] = product(a[:, 1:], warped[:, :-1])
        maps[1, 0, 1:], maps[1, 1, 1:] = product(a[:, :-1], warped[:, 1:])
        left, right = (magnitude(sums) for sums in window(maps))
        curve = self._side(torch.stack((left, size, right))).clamp(min=TINY).log()
        curvature = 2 * curve[1] - curve[0] - curve[2]
        step = 0.5 * (curve[2] - curve[0]) / curvature.clamp(min=MIN_CURVATURE)
        return step.clamp(-1.0, 1.0)


def product(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of a * conj(b), planes (2, ...)."""
    return (
        torch.addcmul(a[0] * b[0], a[1], b[1]),
        torch.addcmul(a[1] * b[0], a[0], b[1], value=-1.0),
    )


def magnitude_squared(re: Tensor, im: Tensor) -> Tensor:
    """Of a complex number."""
    return (re * re).addcmul_(im, im)


def magnitude(planes: Tensor) -> Tensor:
    """Absolute value of the first two planes, read as a complex number."""
    return magnitude_squared(planes[0], planes[1]).sqrt_()
