"""Gain normalisation and the start of a pair on a device: `engine.tracking.normalisation`."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from engine.musse.device.canonical import CanonicalFrame
from engine.musse.device.coarse import DeviceSearch
from engine.musse.device.constants import KernelProduct
from engine.tracking.iq import OVERSAMPLING
from engine.tracking.normalisation import CARRIER_LINES, PairInitialiser, Start


class NormalisedTensors(NamedTuple):
    """One normalised frame, whether as pre or as post: `engine.tracking.normalisation.NormalisedFrame`."""

    planes: Tensor
    valid: Tensor
    lag_one: Tensor
    far: Tensor
    near: Tensor


class DeviceFront(nn.Module):
    """`PairInitialiser`. The search is `coarse`."""

    node_row: Tensor

    def __init__(self, front: PairInitialiser) -> None:
        super().__init__()
        self.longer, self.every = front.longer, front.every
        self.pitch, self.carrier = float(front.grid.pitch), 2.0 * math.pi * front.grid.frequency
        self.gain, self.spread_gain = KernelProduct(front.gain_window), KernelProduct(front.spread_gain)
        self.coarse, self.from_coarse = DeviceSearch(front.coarse), KernelProduct(front.from_coarse)
        self.register_buffer("node_row", torch.from_numpy(front.node_row), persistent=False)

    def normalise(self, frame: CanonicalFrame) -> NormalisedTensors:
        """Divide a frame by its local amplitude, and compute what its pairs need."""
        some = slice(None, None, OVERSAMPLING * self.longer)
        re, im, present = frame.real[:, some], frame.imaginary[:, some], frame.valid[:, :: self.longer]
        power, share = self.gain(torch.stack(((re * re + im * im) * present, present))).unbind()
        power = power / share.clamp(min=1e-3)
        amplitude = self.spread_gain(torch.maximum(power, power.mean() * 1e-8 + 1e-30)).sqrt()
        gain = (frame.valid / amplitude)[..., None].expand(-1, -1, OVERSAMPLING).reshape(frame.real.shape)
        planes = torch.stack((frame.real * gain, frame.imaginary * gain))
        re, im = planes[..., ::OVERSAMPLING].unbind()
        far, near = self.coarse.cells((re * re + im * im).sqrt(), frame.valid)
        return NormalisedTensors(planes, frame.valid, self._lag_one(re, im), far, near)

    def start(self, pre: NormalisedTensors, post: NormalisedTensors) -> tuple[Start[Tensor], Tensor]:
        """Where the phase passes start, and radians per sample for every output row."""
        lag_one = pre.lag_one + post.lag_one
        profile = lag_one @ self.gain.along[: lag_one.shape[1]] @ self.spread_gain.along
        radians = torch.atan2(profile[1], profile[0]) / self.pitch + self.carrier
        axial, lateral = self.from_coarse(self.coarse((pre.far, pre.near), (post.far, post.near))).unbind()
        return Start(axial * self.pitch, lateral, radians[self.node_row]), radians[:: self.every]

    def _lag_one(self, re: Tensor, im: Tensor) -> Tensor:
        """Row times conjugate of the row before, summed over lines (2, rows)."""
        (a, b), (c, d) = (
            (part[::CARRIER_LINES, 1 :: self.longer], part[::CARRIER_LINES, : -1 : self.longer])
            for part in (re, im)
        )
        return torch.stack(((a * b + c * d).sum(dim=0), (c * b - a * d).sum(dim=0)))
