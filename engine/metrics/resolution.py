"""How fine an estimate is: edge width, coherence and transfer against true strain, modulation of gratings."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from engine.metrics.accuracy import Map, Mask
from engine.metrics.sums import Sums

EDGE_OF_SIGMA = 2.563  # 10-90 % width of a step blurred by a Gaussian, over its standard deviation
WIDTHS = np.concatenate(([0.0], np.geomspace(0.05, 5.0, 41)))  # mm, standard deviations tried
BIN = 0.125  # cycles per mm: a bin must be wide enough to hold several Fourier modes of an image
HIGHEST = 1.0  # cycles per mm
MIN_COHERENCE = 0.03  # the smallest that 16 phantoms can distinguish from zero


def edge_width(estimate: Map, truth: Map, region: Mask, pitch_mm: float, axis: int) -> float:
    """10-90 % edge width in mm along `axis`: of the Gaussian blur that makes truth most like `estimate`.

    Both maps are compared within `region` (a band around an edge), gain and offset free, so noise widens
    nothing on average. `pitch_mm` is the pixel along the axis. NaN where truth has no contrast there.
    """
    complete = np.where(np.isfinite(truth), truth, np.nanmean(truth)).astype(np.float64)
    wanted = estimate[region].astype(np.float64)
    wanted -= wanted.mean()
    scores = []
    for width in WIDTHS:
        blurred = gaussian_filter1d(complete, width / pitch_mm, axis=axis) if width else complete
        model = blurred[region] - blurred[region].mean()
        power = float(np.dot(model, model))
        if power <= 1e-14 * len(model):
            return float("nan")
        scores.append(float(np.dot(model, wanted)) / np.sqrt(power))
    return EDGE_OF_SIGMA * float(WIDTHS[int(np.argmax(scores))])


@dataclass(frozen=True, slots=True, eq=False)
class Spectra(Sums):
    """Power and cross spectra in bins of |axial| x |lateral| wavenumber; can be added over phantoms."""

    truth: NDArray[np.float64]
    """(bins, bins), bin (i, j) from i * BIN, j * BIN to the next, cycles per mm."""
    estimate: NDArray[np.float64]
    cross: NDArray[np.complex128]
    modes: NDArray[np.float64]
    """Independent Fourier modes in each bin, summed over phantoms."""
    area: float
    """mm^2 of image, summed over phantoms."""

    def coherence(self) -> NDArray[np.float64]:
        """Magnitude-squared coherence per bin, less its bias (1 - g) / modes; NaN where fewer than 8 modes.

        Linear blur or sharpening does not change it: it measures information, not appearance.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = np.abs(self.cross) ** 2 / (self.truth * self.estimate)
            unbiased = raw - (1.0 - raw) / np.maximum(self.modes - 1.0, 1.0)
        return np.where((self.modes >= 8) & np.isfinite(raw), np.clip(unbiased, 0.0, 1.0 - 1e-6), np.nan)

    def information(self) -> float:
        """I = -1/2 sum log2(1 - coherence) over all modes, in bit per cm^2 of image."""
        bits = -0.5 * self.modes * np.log2(1.0 - np.nan_to_num(self.coherence()))
        return float(bits.sum() / self.area * 100.0) if self.area > 0 else float("nan")

    def transfer(self, axis: int) -> NDArray[np.float64]:
        """H = Re(cross) / truth along one wavenumber axis (0 axial, 1 lateral), (bins,), the other near 0.

        The real part, because a strain window shifts nothing: noise then averages to 0 instead of adding up.
        """
        cross, truth = (s[:, 0] if axis == 0 else s[0] for s in (self.cross, self.truth))
        return np.asarray(cross.real / np.maximum(truth, 1e-300), np.float64)

    def resolution(self, axis: int) -> float:
        """Period in mm at which H has fallen to 50 %, between bins linearly.

        NaN where it does not fall so far before coherence falls to `MIN_COHERENCE`: beyond that H is noise.
        """
        coherence = np.nan_to_num(self.coherence()[:, 0] if axis == 0 else self.coherence()[0])
        lost = np.flatnonzero(coherence < MIN_COHERENCE)
        h = self.transfer(axis)[: int(lost[0]) if lost.size else None]
        at = (np.arange(len(h)) + 0.5) * BIN
        below = np.flatnonzero(h < 0.5)
        if not below.size or below[0] == 0:
            return float("nan")
        k = int(below[0])
        share = (h[k - 1] - 0.5) / (h[k - 1] - h[k])
        return float(1.0 / (at[k - 1] + share * (at[k] - at[k - 1])))


def spectra(estimate: Map, truth: Map, pitch_mm: tuple[float, float]) -> Spectra:
    """Spectra of two complete maps of one rectangle, less their means, under a Hann window.

    `pitch_mm` is the pixel (axial, lateral). Welch-style: sum the spectra of at least 16 phantoms before
    reading coherence.
    """
    shape = truth.shape
    taper = np.hanning(shape[0] + 2)[1:-1, None] * np.hanning(shape[1] + 2)[None, 1:-1]
    planes = [np.fft.fft2((m - m.mean()) * taper) for m in (np.asarray(truth, np.float64), estimate)]
    bins = round(HIGHEST / BIN)
    place = [
        np.minimum((np.abs(np.fft.fftfreq(n, d)) / BIN).astype(int), bins)
        for n, d in zip(shape, pitch_mm, strict=True)
    ]
    index = (place[0][:, None] * (bins + 1) + place[1][None, :]).ravel()

    def binned(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.bincount(index, weights=values.ravel(), minlength=(bins + 1) ** 2)
        return np.asarray(total.reshape(bins + 1, bins + 1)[:bins, :bins], np.float64)

    cross = planes[1] * planes[0].conj()
    # modes k and -k of a real map are one; the Hann windows leave 4/9 of the rest independent
    independent = np.full(shape, 0.5 * (4.0 / 9.0))
    return Spectra(
        truth=binned(np.abs(planes[0]) ** 2),
        estimate=binned(np.abs(planes[1]) ** 2),
        cross=binned(cross.real) + 1j * binned(cross.imag),
        modes=binned(independent),
        area=shape[0] * pitch_mm[0] * shape[1] * pitch_mm[1],
    )


def pooled(parts: list[Spectra]) -> Spectra:
    """The sum of at least one."""
    return reduce(lambda a, b: a + b, parts)
