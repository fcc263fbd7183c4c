"""IQ of a frame on the canonical grid: a fixed number of samples per *measured* cycle of the carrier.

The received carrier is measured on the data, because a header gives at best the transmitted one. It is
rounded to steps of 12 % with hysteresis, so that neighbouring frames share one grid. NumPy and SciPy only.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from engine.errors import EstimateFailed, InvalidAcquisition
from engine.spec import EngineSpec, FrameArray

ROWS_PER_CYCLE = 2  # free of aliasing to 200 % bandwidth
OVERSAMPLING = 2  # frames are delivered so much finer, for interpolation between rows
STEPS_PER_OCTAVE = 6
HYSTERESIS = 0.75  # steps that a carrier may lie off its grid before the grid follows; rounding alone is 0.5
MIN_ROWS = 16
LOWEST_FREQUENCY = 0.02  # cycles per sample: below lie offsets and drift, never a carrier
PADDING_CYCLES = (
    8  # of the nominal carrier: keeps the circular band filter from folding the bottom onto the top
)
MAX_CELLS = 2**22  # half cycles of all lines of mixed-down IQ: the network takes 2 GB for as many
TINY = 1e-30
NOTHING = 1e-10  # of the peak's power, per sample: rounding of a constant frame
IQ_OFFSET = 0.1  # of the RMS: the least mean of IQ samples that counts as an offset
CARRIER_SHARE = 0.1  # of the peak power: where a bin counts as part of the received band

Lines: TypeAlias = NDArray[Any]  # float32 or complex64, contiguous


@dataclass(frozen=True, slots=True)
class IqGrid:
    """Where the rows of canonical IQ lie, and how it was mixed down. Equal grids mean comparable IQ."""

    n_rows: int
    """Rows at `pitch`; a frame's IQ holds OVERSAMPLING times as many."""
    pitch: float
    """Samples between two rows: row k lies at sample k * pitch."""
    frequency: float
    """Cycles per sample that were mixed down to zero."""
    bin: int
    """Spectrum bin that became zero frequency, counted from zero frequency of the samples."""
    length: int
    """Of the inverse transform at `pitch`."""
    step: int
    """Rounded carrier: 2^(step / STEPS_PER_OCTAVE) cycles per sample."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """One frame in the frequency domain."""

    changing: NDArray[np.bool_]
    """(n_lateral, n_axial): whether a sample differs from the one before."""
    spectrum: NDArray[np.complex64]
    """(n_lateral, bins); bins of positive frequency only for RF."""
    frequency: NDArray[np.float64]
    """(bins,) cycles per sample, of the echo itself also where the samples are IQ."""
    power: NDArray[np.float64]
    """(bins,) mean over lines, smoothed over 1 % of the axis; 0 at and near zero frequency."""
    floor: float
    """Power of a bin that holds noise alone."""


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalIq:
    """One frame on a canonical grid."""

    iq: NDArray[np.complex64]
    """(n_lateral, OVERSAMPLING * n_rows); row k lies at sample k * pitch / OVERSAMPLING."""
    valid: NDArray[np.float32]
    """(n_lateral, n_rows): 1 where the samples change at all around a row of the grid, 0 in dead rows."""


class IqTransform:
    """Turns frames of one acquisition into canonical IQ. Holds constants only; any thread may use it.

    Raises InvalidAcquisition where the canonical grid of mixed-down IQ would take memory without bound.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        n_axial = spec.shape[0]
        padding = min(PADDING_CYCLES * spec.sampling_frequency / spec.center_frequency, n_axial)
        self.n_fft = 2 * scipy.fft.next_fast_len((n_axial + round(padding) + 1) // 2)
        self._mixed = spec.demodulation_frequency / spec.sampling_frequency if spec.kind == "iq" else 0.0
        if ROWS_PER_CYCLE * self._mixed * n_axial * spec.shape[1] > MAX_CELLS:
            stated = f"{spec.demodulation_frequency:g} Hz at {spec.sampling_frequency:g} Hz sampling"
            raise InvalidAcquisition(
                f"demodulation_frequency {stated} is {self._mixed:.3g} cycles per sample, too many in "
                f"frames of {n_axial} x {spec.shape[1]}: give both in Hz"
            )
        if spec.kind == "iq":
            frequency: NDArray[np.float64] = np.fft.fftfreq(self.n_fft).astype(np.float64) + self._mixed
        else:
            frequency = np.arange(self.n_fft // 2 + 1) / self.n_fft
        self.frequency = frequency
        self.echo = np.abs(frequency) > LOWEST_FREQUENCY

    def check(self, frame: FrameArray) -> None:
        """Raise InvalidAcquisition where shape or kind of a frame is not that of the acquisition."""
        if frame.shape != self.spec.shape:
            raise InvalidAcquisition(
                f"frame of shape {frame.shape}; this engine was built for {self.spec.shape}"
            )
        if np.iscomplexobj(frame) != (self.spec.kind == "iq"):
            raise InvalidAcquisition(f"{frame.dtype} samples in an acquisition of kind {self.spec.kind!r}")

    def check_signal(self, power: float) -> None:
        """Raise EstimateFailed where the largest power of a band is rounding alone."""
        if power <= NOTHING * self.spec.shape[0]:
            raise EstimateFailed("the frame holds no signal")

    def band(self, frame: FrameArray) -> Band:
        """Spectrum of a frame (n_axial, n_lateral) of any strides, and what is signal in it.

        Raises InvalidAcquisition where shape or kind is not that of the acquisition, EstimateFailed where
        samples are not finite or where there is no signal at all.
        """
        self.check(frame)
        is_iq = self.spec.kind == "iq"
        lines = np.ascontiguousarray(frame.T, dtype=np.complex64 if is_iq else np.float32)
        changing = np.zeros(lines.shape, np.bool_)
        np.not_equal(lines[:, 1:], lines[:, :-1], out=changing[:, 1:])
        lines = without_offset(lines, changing)
        peak = float(np.abs(lines).max())
        check_finite(peak)
        transform: Any = scipy.fft.fft if is_iq else scipy.fft.rfft
        spectrum: NDArray[np.complex64] = transform(lines, self.n_fft, axis=1)
        spectrum *= np.float32(1.0 / max(peak, TINY))  # of any gain: squares must neither overflow nor vanish
        squares = np.square(spectrum.view(np.float32)).sum(axis=0).reshape(-1, 2)
        mean = squares.sum(axis=1, dtype=np.float64) / len(lines)
        smooth = uniform_filter1d(mean, max(3, self.n_fft // 100), mode="wrap" if is_iq else "nearest")
        power: NDArray[np.float64] = np.where(self.echo, smooth, 0.0)
        self.check_signal(float(power.max()))
        return Band(changing, spectrum, self.frequency, power, float(np.percentile(power[self.echo], 5)))

    def carrier(self, band: Band) -> float:
        """Cycles per sample of a frame's carrier: the centroid of the received band.

        Raises EstimateFailed for a flat spectrum.
        """
        signal = np.where(
            band.power > CARRIER_SHARE * band.power.max() + band.floor, band.power - band.floor, 0.0
        )
        check_not_flat(float(signal.sum()))
        return abs(float(np.sum(band.frequency * signal) / np.sum(signal)))

    def nominal_carrier(self) -> float:
        """Cycles per sample of the carrier that the acquisition states."""
        return self.spec.center_frequency / self.spec.sampling_frequency

    def grid(self, carrier: float, near: IqGrid | None = None) -> IqGrid:
        """The canonical grid for a carrier in cycles per sample; `near` where that is still close enough.

        Raises EstimateFailed for a frame too few cycles deep.
        """
        steps = STEPS_PER_OCTAVE * float(np.log2(max(carrier, TINY)))
        if near is not None and abs(steps - near.step) <= HYSTERESIS:
            return near
        step = round(steps)
        rounded = 2.0 ** (step / STEPS_PER_OCTAVE)
        length = scipy.fft.next_fast_len(round(ROWS_PER_CYCLE * rounded * self.n_fft))
        center = round((rounded - self._mixed) * self.n_fft)
        pitch = self.n_fft / length if length else math.inf  # not one row in a whole frame
        n_rows = int((self.spec.shape[0] - 1) // pitch) + 1
        if n_rows < MIN_ROWS:
            raise EstimateFailed(
                f"the frame is {n_rows / ROWS_PER_CYCLE:g} cycles of its carrier deep "
                f"({carrier:.3g} cycles per sample); motion needs {MIN_ROWS / ROWS_PER_CYCLE:g}"
            )
        return IqGrid(
            n_rows=n_rows,
            pitch=pitch,
            frequency=center / self.n_fft + self._mixed,
            bin=center,
            length=length,
            step=step,
        )

    def demodulate(self, band: Band, grid: IqGrid) -> CanonicalIq:
        """A frame on `grid`, its bins weighted by 1 - floor / power (Wiener): noise carries no motion."""
        half = grid.length // 2
        n_bins = band.spectrum.shape[1]
        # IQ bins run over negative frequencies too, kept behind the positive ones
        first = -(n_bins // 2) if self.spec.kind == "iq" else 0
        low, high = max(1 - half, first - grid.bin), min(half, first + n_bins - grid.bin)
        gain = np.zeros(n_bins)
        np.divide(band.power - band.floor, band.power, out=gain, where=band.power > band.floor)
        weight = gain.astype(np.float32)
        length = OVERSAMPLING * grid.length
        shifted = np.zeros((len(band.spectrum), length), np.complex64)
        # pieces that are contiguous on both sides: cut where either axis passes zero frequency
        cuts = sorted({low, high, *(cut for cut in (0, -grid.bin) if low < cut < high)})
        for start, stop in pairwise(cuts):
            source = (start + grid.bin) % n_bins
            target = start % length
            count = stop - start
            np.multiply(
                band.spectrum[:, source : source + count],
                weight[source : source + count],
                out=shifted[:, target : target + count],
            )
        iq = scipy.fft.ifft(shifted, axis=1, overwrite_x=True)
        return CanonicalIq(iq[:, : OVERSAMPLING * grid.n_rows], informative(band.changing, grid))


def without_offset(lines: Lines, changing: NDArray[np.bool_]) -> Lines:
    """`lines` (n_lateral, n_axial) about the converter's offset: the mean of the rows that hold echoes.

    Of every line for RF, of the whole frame for IQ, whose zero frequency is its carrier. Rows at the ends
    that no line changes in were never filled and become 0: their step would leak into the band as an offset
    does.
    """
    n_axial = lines.shape[1]
    steps = np.flatnonzero(changing.any(axis=0))  # into the first filled row, and out of the last one
    rows = slice(None)
    if steps.size:
        first, last = int(steps[0]), int(steps[-1])
        rows = slice(0 if first == 1 else first, n_axial if last == n_axial - 1 else last)
    inside = lines[:, rows]
    # in double precision: float32 sums of a large offset would leave some of it
    if np.iscomplexobj(lines):
        offset: Any = inside.mean(dtype=np.complex128)
        # zero frequency is the carrier here: a mean that echoes alone can have is left in place
        if abs(offset) <= IQ_OFFSET * np.sqrt(np.mean(np.square(np.abs(inside)), dtype=np.float64)):
            offset = 0.0
    else:
        offset = inside.mean(axis=1, keepdims=True, dtype=np.float64)
    centred = np.zeros_like(lines)
    with np.errstate(invalid="ignore"):  # infinite samples: `band` refuses them
        centred[:, rows] = inside - offset
    return centred


def check_finite(peak: float) -> None:
    """Raise EstimateFailed where the largest magnitude of a frame's samples is not finite."""
    if not np.isfinite(peak):
        raise EstimateFailed("the frame holds samples that are not finite")


def check_not_flat(signal: float) -> None:
    """Raise EstimateFailed where no bin of a frame's band lies above its floor: `signal` is their sum."""
    if not signal > 0.0:
        raise EstimateFailed("the frame's spectrum is flat: it has no carrier to measure motion on")


def informative(changing: NDArray[np.bool_], grid: IqGrid) -> NDArray[np.float32]:
    """(n_lateral, n_rows): 1 where samples change at all between a row of the grid and the next, else 0."""
    starts = (np.arange(grid.n_rows) * grid.pitch).astype(np.intp)
    valid = changing.take(starts, axis=1)
    for step in range(1, int(np.ceil(grid.pitch))):
        valid |= changing.take(np.minimum(starts + step, changing.shape[1] - 1), axis=1)
    return valid.astype(np.float32)
