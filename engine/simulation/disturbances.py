"""What disturbs the echoes of a patient on a real scanner: clutter, shadows, gain jumps, clipping, dead rows.

Each is an `Effect`. The usual order: Shadow, Clutter, Noise, GainJump, Saturation, DeadSamples, as the signal
meets them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engine.errors import InvalidAcquisition
from engine.simulation.effects import FULL_SCALE, NOMINAL_RMS, Moment
from engine.simulation.imaging import Imaging, render


@dataclass(frozen=True, kw_only=True)
class Clutter:
    """Reverberation between probe and skin: it lies over the upper part of the image and never moves.

    It pulls displacement and strain to zero, the commonest bias in vivo.
    """

    level_db: float
    """RMS at the probe face against nominal speckle, dB; -30 to -10 in patients."""
    reach: float = 1.0 / 3.0
    """Part of the depth over which it fades out (raised cosine)."""

    def apply(self, rf: Tensor, moment: Moment) -> Tensor:
        """See `Effect.apply`."""
        depth = torch.arange(rf.shape[0], dtype=torch.float32) / rf.shape[0]
        fade = 0.5 + 0.5 * torch.cos(torch.pi * (depth / self.reach).clamp(max=1.0))
        level: float = NOMINAL_RMS * 10.0 ** (self.level_db / 20.0)
        standing: Tensor = _standing_speckle(moment.imaging, moment.seed)
        return rf + standing * (level * fade[:, None])


@lru_cache(maxsize=4)
def _standing_speckle(imaging: Imaging, seed: int) -> Tensor:
    """One frame of speckle, RMS 1: echoes of layers so irregular that no order is left."""
    rng = np.random.default_rng([seed, 4])
    half_width = imaging.half_width + max(zone.point_spread.lateral_reach for zone in imaging.zones)
    # 30 a square millimetre, as many as fully developed speckle needs at 5 MHz
    count = round(30e6 * imaging.depth * 2.0 * half_width)
    z, x = rng.uniform(0.0, imaging.depth, count), rng.uniform(-half_width, half_width, count)
    amplitude = rng.standard_normal(count)
    speckle = render(imaging, *(torch.from_numpy(values)[None] for values in (z, x, amplitude)))[0]
    return speckle / speckle.std()


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """Echoes lost behind bone or gas or under a lifted edge of the probe; it stays with the probe."""

    line: float
    """Line at its middle."""
    width: float
    """Lines at half its depth in dB (a Gaussian)."""
    loss_db: float = 30.0
    """dB lost in its middle."""
    below: int = 0
    """First axial sample of it."""

    def apply(self, rf: Tensor, moment: Moment) -> Tensor:
        """See `Effect.apply`."""
        lines = torch.arange(rf.shape[1], dtype=torch.float32)
        loss = self.loss_db * torch.exp(-4.0 * np.log(2.0) * ((lines - self.line) / self.width) ** 2)
        shaded = rf.clone()
        shaded[self.below :] *= 10.0 ** (-loss / 20.0)
        return shaded


@dataclass(frozen=True, kw_only=True)
class GainJump:
    """A change of the time-gain compensation: from one frame on, another gain and another slope."""

    frame: int
    """First frame with the new gain."""
    gain_db: float = 0.0
    """dB everywhere."""
    slope_db_per_cm: float = 0.0
    """dB more per cm of depth, 0 at the middle of the image."""

    def apply(self, rf: Tensor, moment: Moment) -> Tensor:
        """See `Effect.apply`."""
        if moment.frame < self.frame:
            return rf
        rows = torch.arange(rf.shape[0], dtype=torch.float32) - (rf.shape[0] - 1) / 2.0
        gain_db = self.gain_db + self.slope_db_per_cm * rows * (moment.imaging.spec.sample_pitch * 100.0)
        return rf * (10.0 ** (gain_db / 20.0))[:, None]


@dataclass(frozen=True, kw_only=True)
class Saturation:
    """A receiver that clips: echoes above `clip_rms` times nominal speckle are cut and fill the range."""

    clip_rms: float = 2.0
    """Multiples of nominal speckle RMS; 2 clips about 5 % of the samples."""

    def __post_init__(self) -> None:
        if not self.clip_rms > 0:
            raise InvalidAcquisition(f"clip_rms {self.clip_rms:g}: must be positive")

    def apply(self, rf: Tensor, moment: Moment) -> Tensor:
        """See `Effect.apply`."""
        return rf * (FULL_SCALE / (self.clip_rms * NOMINAL_RMS))


@dataclass(frozen=True, kw_only=True)
class DeadSamples:
    """Axial rows and lines that arrive as zeros, such as a blanked near field or a lost channel."""

    rows: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()

    def apply(self, rf: Tensor, moment: Moment) -> Tensor:
        """See `Effect.apply`."""
        left = rf.clone()
        left[list(self.rows), :] = 0.0
        left[:, list(self.lines)] = 0.0
        return left
