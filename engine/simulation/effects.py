"""What the scanner adds to the echoes: each effect is one small class with one `apply`.

Effects act on one frame of RF, float32 (n_axial, n_lateral) in counts, in the order they are listed.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.simulation.imaging import Imaging
from engine.simulation.pointspread import PointSpread

# Speckle RMS of a frame in int16 counts: twenty times below full scale, so that echoes do not clip.
NOMINAL_RMS = 1500.0
FULL_SCALE = 32767.0


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Properties of the frame that an effect may use."""

    imaging: Imaging
    frame: int
    seed: int

    def rng(self, effect: str, *, every_frame_anew: bool = True) -> np.random.Generator:
        """The effect's own random numbers: of this frame, or the same in the whole acquisition."""
        name = int.from_bytes(effect.encode(), "little")
        return np.random.default_rng([self.seed, name, self.frame + 1 if every_frame_anew else 0])


class Effect(Protocol):
    """One property of a real scanner or patient."""

    def apply(self, rf: Tensor, moment: Moment) -> Tensor:
        """A new frame; the given one is left alone."""
        ...


@dataclass(frozen=True, kw_only=True)
class Noise:
    """White electronic noise at a given signal-to-noise ratio inside the transducer's -6 dB band.

    In the whole band up to half the sampling frequency the ratio is lower: 20 dB over all of it is about
    27.6 dB in band at 40 MHz, 5 MHz and 60 % bandwidth. The signal is nominal speckle, not this frame's.
    """

    in_band_snr_db: float
    """dB, at the probe face."""
    fall_db_per_cm: float = 0.0
    """dB that the ratio loses per cm of depth (time-gain compensation lifts the noise)."""

    def apply(self, rf: Tensor, moment: Moment) -> Tensor:
        """See `Effect.apply`."""
        spec = moment.imaging.spec
        spread = moment.imaging.zones[0].point_spread
        level = NOMINAL_RMS * noise_over_signal(spread, spec.sampling_frequency, self.in_band_snr_db)
        depth_cm = torch.arange(rf.shape[0], dtype=torch.float32) * (spec.sample_pitch * 100.0)
        gain = 10.0 ** (depth_cm * (self.fall_db_per_cm / 20.0))
        white = moment.rng("noise").standard_normal(rf.shape, dtype=np.float32)
        return rf + level * gain[:, None] * torch.from_numpy(white)


def noise_over_signal(spread: PointSpread, sampling_frequency: float, in_band_snr_db: float) -> float:
    """RMS of full-band white noise over RMS of speckle, for a ratio of both within the -6 dB band.

    The Gaussian spectrum holds erf(sqrt(2 ln 2)) of its power between its -6 dB points, white noise the
    share that the band has of half the sampling frequency.
    """
    signal_share = math.erf(math.sqrt(2.0 * math.log(2.0)))
    band = spread.fractional_bandwidth * spread.center_frequency
    noise_share = band / (sampling_frequency / 2.0)
    return math.sqrt(signal_share / noise_share) * float(10.0 ** (-in_band_snr_db / 20.0))


def quantise(rf: Tensor) -> NDArray[np.int16]:
    """Counts rounded to int16, clipped at full scale."""
    return rf.round().clamp(-FULL_SCALE, FULL_SCALE).to(torch.int16).numpy()
