"""Frame pairs of known motion: the same scatterers, rendered before and after they moved.

Small and exact on purpose: no interpolation of images, so the truth is the motion itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Field = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
OVERSAMPLING = 16  # of the sample grid that scatterers are spread on, with linear weights: error below -60 dB


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """Gaussian pulse and beam; `cycles_per_sample` is the received centre frequency."""

    cycles_per_sample: float = 0.125
    bandwidth: float = 0.6
    """Fractional, -6 dB, of the received pulse."""
    beam_width: float = 2.4
    """Lines, -6 dB full width of the two-way beam."""


def render(
    axial: NDArray[np.float64],
    lateral: NDArray[np.float64],
    amplitude: NDArray[np.float64],
    shape: tuple[int, int],
    pulse: Pulse,
) -> NDArray[np.float32]:
    """RF (n_axial, n_lateral) of scatterers at real-valued sample and line positions, unit RMS."""
    n_axial, n_lateral = shape
    n_fft = scipy.fft.next_fast_len(n_axial + 128, real=True)
    fine = n_fft * OVERSAMPLING
    sigma = pulse.beam_width / (2 * np.sqrt(2 * np.log(2)))
    reach = int(np.ceil(3.5 * sigma))
    nearest = np.rint(lateral).astype(int)
    position = axial * OVERSAMPLING
    left = np.floor(position).astype(int)
    right_weight = position - left
    image = np.zeros(n_lateral * fine)
    for step in range(-reach, reach + 1):
        line = nearest + step
        inside = (line >= 0) & (line < n_lateral) & (left >= -1000) & (left < fine - 1 - 1000)
        value = amplitude * np.exp(-0.5 * ((line - lateral) / sigma) ** 2)
        for shift, weight in ((0, 1 - right_weight), (1, right_weight)):
            index = line * fine + (left + shift) % fine
            image += np.bincount(index[inside], (value * weight)[inside], minlength=image.size)
    kept = n_fft // 2 + 1
    spectrum = scipy.fft.rfft(image.reshape(n_lateral, fine), axis=1)[:, :kept]
    frequency = np.arange(kept) / n_fft
    width = pulse.bandwidth * pulse.cycles_per_sample / (2 * np.sqrt(2 * np.log(2)))
    spectrum *= np.exp(-0.5 * ((frequency - pulse.cycles_per_sample) / width) ** 2)
    rf = scipy.fft.irfft(spectrum, n_fft, axis=1)[:, :n_axial].T
    scaled: NDArray[np.float64] = rf / rf.std()
    return scaled.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two frames and the motion of what frame `pre` shows at (sample, line)."""

    pre: NDArray[np.float32]
    post: NDArray[np.float32]
    axial: Field
    """Samples, post minus pre, as a function of pre's (sample, line)."""

    def truth(self, rows: NDArray[np.float32], cols: NDArray[np.float32]) -> NDArray[np.float64]:
        """Axial displacement on a grid of pre's samples and lines."""
        return np.asarray(self.axial(*np.meshgrid(rows.astype(float), cols.astype(float), indexing="ij")))


def still(z: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """No motion."""
    return np.zeros_like(z)


def make_pair(
    axial: Field,
    *,
    lateral: Field = still,
    shape: tuple[int, int] = (2000, 128),
    pulse: Pulse | None = None,
    density: float = 12.0,
    seed: int = 0,
    noise_db: float | None = None,
    correlation: float = 1.0,
) -> Pair:
    """Render a pair that moves by `axial` samples and `lateral` lines.

    `density` is scatterers per resolution cell; `noise_db` the ratio of echoes to white noise over the full
    band; `correlation` the share of echo amplitude that post has in common with pre (out-of-plane motion).
    """
    pulse = pulse or Pulse()
    rng = np.random.default_rng(seed)
    margin_z, margin_x = 150.0, 10.0
    cell = 0.88 / (pulse.bandwidth * pulse.cycles_per_sample) * pulse.beam_width
    area = (shape[0] + 2 * margin_z) * (shape[1] + 2 * margin_x)
    count = int(density * area / cell)

    def scatter() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        return (
            rng.uniform(-margin_z, shape[0] + margin_z, count),
            rng.uniform(-margin_x, shape[1] + margin_x, count),
            rng.standard_normal(count),
        )

    z, x, a = scatter()
    frames = [render(z, x, a, shape, pulse)]
    moved = render(z + axial(z, x), x + lateral(z, x), a, shape, pulse)
    if correlation < 1.0:
        other = render(*scatter(), shape, pulse)
        moved = correlation * moved + np.float32(np.sqrt(1 - correlation**2)) * other
    frames.append(moved)
    if noise_db is not None:
        level = 10 ** (-noise_db / 20)
        frames = [f + (level * rng.standard_normal(shape)).astype(np.float32) for f in frames]
    return Pair(pre=frames[0], post=frames[1], axial=axial)
