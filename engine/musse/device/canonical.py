"""Samples of a frame to canonical IQ on a device: `engine.tracking.iq` for a grid that is known."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from engine.musse.device.constants import floats
from engine.tracking.iq import CARRIER_SHARE, OVERSAMPLING, TINY, IqGrid, IqTransform


class CanonicalFrame(NamedTuple):
    """One frame on a canonical grid."""

    real: Tensor
    """(lines, OVERSAMPLING * rows)"""
    imaginary: Tensor
    valid: Tensor
    """(lines, rows): 1 where samples change, 0 in dead rows."""


class Measured(NamedTuple):
    """Numbers the host looks at after a step, in the order that they are downloaded in."""

    peak: float
    """Largest magnitude; not finite where a sample is not."""
    power: float
    """Largest power of a bin."""
    signal: float
    """Sum of the power above the floor; 0 for a flat spectrum."""
    carrier: float
    """Cycles per sample."""


class CanonicalTransform(nn.Module):
    """RF frames (n_axial, n_lateral), int16 or float32, to IQ on one grid.

    The transforms are cuFFT's, so this part stays with PyTorch where a compiler takes the rest.
    """

    frequency: Tensor
    echo: Tensor
    row: Tensor
    starts: Tensor
    kernel: Tensor

    def __init__(self, transform: IqTransform, grid: IqGrid) -> None:
        super().__init__()
        n_axial, n_bins = transform.spec.shape[0], len(transform.frequency)
        self.n_fft, self.length, self.rows = transform.n_fft, OVERSAMPLING * grid.length, grid.n_rows
        self.smooth = max(3, transform.n_fft // 100)
        half = grid.length // 2
        self.low, high = max(1 - half, -grid.bin), min(half, n_bins - grid.bin)
        self.bins = slice(self.low + grid.bin, high + grid.bin)
        echo = np.flatnonzero(transform.echo)
        self.first_echo = int(echo[0])  # they are the bins from here on
        self.floor_rank = 0.05 * (len(echo) - 1)
        steps = np.arange(int(np.ceil(grid.pitch)))
        starts = (np.arange(grid.n_rows) * grid.pitch).astype(np.int64)
        for name, values in {
            "frequency": floats(transform.frequency),
            "echo": floats(transform.echo),
            "row": torch.arange(n_axial),
            "starts": torch.from_numpy(np.minimum(starts + steps[:, None], n_axial - 1)),
            "kernel": torch.full((1, 1, self.smooth), 1.0 / self.smooth),
        }.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, frame: Tensor) -> tuple[CanonicalFrame, Tensor]:
        """The frame, and its `Measured` numbers (4,)."""
        lines = frame.to(torch.float32).t()
        changing = pad(lines[:, 1:] != lines[:, :-1], (1, 0))
        lines = self._without_offset(lines, changing)
        peak = lines.abs().amax()
        # the host refuses the frame afterwards; until then no index may be computed of a NaN
        lines = torch.where(peak.isfinite(), lines, 0.0)
        spectrum = torch.fft.rfft(lines, self.n_fft, dim=1) * (1.0 / lines.abs().amax().clamp(min=TINY))
        re, im = spectrum.real, spectrum.imag
        power = self._power(re, im)
        floor = self._floor(power)
        largest = power.amax()
        signal = torch.where(power > CARRIER_SHARE * largest + floor, power - floor, 0.0)
        total = signal.sum()
        weight = (power - floor).clamp(min=0.0) / power.clamp(min=TINY)
        iq = self._shifted_to_zero(spectrum * weight)
        valid = changing[:, self.starts].any(dim=1).to(torch.float32)
        measured = torch.stack((peak, largest, total, (self.frequency * signal).sum() / total))
        return CanonicalFrame(iq.real, iq.imag, valid), measured

    def _without_offset(self, lines: Tensor, changing: Tensor) -> Tensor:
        """See `engine.tracking.iq.without_offset`."""
        n_axial = len(self.row)
        steps = changing.any(dim=0)
        first = torch.where(steps, self.row, n_axial).amin()
        last = torch.where(steps, self.row, -1).amax()
        low = torch.where((first == 1) | (last < 0), 0, first)
        high = torch.where((last == n_axial - 1) | (last < 0), n_axial, last)
        inside = (self.row >= low) & (self.row < high)
        samples = torch.where(inside, lines, 0.0).double()
        offset = samples.sum(dim=1, keepdim=True) / inside.sum()
        return torch.where(inside, samples - offset, 0.0).float()

    def _power(self, re: Tensor, im: Tensor) -> Tensor:
        """Mean over lines, smoothed with its ends repeated; 0 at and near zero frequency."""
        mean = (re * re + im * im).mean(dim=0)
        before = self.smooth // 2
        padded = pad(mean[None, None], (before, self.smooth - before - 1), mode="replicate")
        return conv1d(padded, self.kernel)[0, 0] * self.echo

    def _floor(self, power: Tensor) -> Tensor:
        """The 5th percentile over the echo's bins, interpolated."""
        ranked = power[self.first_echo :].sort()[0]
        below = int(self.floor_rank)
        share = self.floor_rank - below
        return ranked[below] * (1.0 - share) + ranked[below + 1] * share

    def _shifted_to_zero(self, spectrum: Tensor) -> Tensor:
        """IQ whose zero frequency is the grid's carrier."""
        band = spectrum[:, self.bins]
        below = -self.low  # bins under the carrier go to the end of the axis
        gap = band.new_zeros(len(band), self.length - band.shape[1])
        iq: Tensor = torch.fft.ifft(torch.cat((band[:, below:], gap, band[:, :below]), dim=1), dim=1)
        return iq[:, : OVERSAMPLING * self.rows]
