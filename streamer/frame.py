"""One received frame, and the checks on its samples that need no history."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.errors import MessageRefused
from streamer.headers import RfHeader

LARGEST = 1e15  # its square, summed over a frame, is still finite in float32
SATURATED_SHARE = 0.01  # of the samples at the extremes; unclipped RF has a handful there
MIN_LEVELS = 64  # below this range a few quantisation levels look like clipping


@dataclass(frozen=True, slots=True, eq=False)
class RfFrame:
    """A frame and when it came. Samples are (n_axial, n_lateral), a view of memory that is only on loan."""

    header: RfHeader
    samples: NDArray[Any]
    received: float
    """s on the stopwatch's clock, when its last byte was here."""

    @property
    def stream(self) -> tuple[str, str]:
        """Source and session: frame_index means something only within one of these."""
        return self.header.source_id, self.header.session_id


def view_samples(header: RfHeader, payload: NDArray[np.uint8]) -> NDArray[Any]:
    """The payload as (n_axial, n_lateral) without a copy, whatever its order in memory."""
    n_axial, n_lateral = header.shape
    samples = payload.view(header.dtype)
    if header.axes == "lateral,axial":
        return samples.reshape(n_lateral, n_axial).T
    return samples.reshape(n_axial, n_lateral)


def check_samples(
    samples: NDArray[Any], *, region: NDArray[Any] | None = None, max_saturated: float = SATURATED_SHARE
) -> None:
    """Raise MessageRefused for samples no engine could use: not_finite, no_signal or saturated.

    Saturation is checked without the converter's range: more than `max_saturated` of the samples of `region`
    (a part of the frame, or all of it) at their extremes. Rows and lines at the border that hold one single
    value were never filled and do not count.
    """
    numbers = _reals(samples)
    lowest, highest = numbers.min(), numbers.max()
    if not (lowest >= -LARGEST and highest <= LARGEST):  # min and max carry NaN along, and NaN fails both
        raise MessageRefused("not_finite", f"NaN, infinity or more than {LARGEST:g} among the samples")
    if lowest == highest:
        raise MessageRefused("no_signal", f"all samples are {lowest}")
    part = numbers if region is None else _reals(region)
    if _clipped(part) <= max_saturated:
        return
    part = _filled(part)
    clipped = _clipped(part)
    if clipped > max_saturated:
        raise MessageRefused(
            "saturated",
            f"{clipped:.1%} of the samples at {part.min()} or {part.max()}, more than "
            f"quality.max_saturated = {max_saturated:g}: lower the gain, or leave them out of the region",
        )


def _reals(samples: NDArray[Any]) -> NDArray[Any]:
    """I and Q of complex samples side by side along the contiguous axis; real samples as they are."""
    if not np.iscomplexobj(samples):
        return samples
    flat = samples.T if samples.strides[0] < samples.strides[1] else samples
    return np.ascontiguousarray(flat).view(np.float32)


def _clipped(samples: NDArray[Any]) -> float:
    """Share of the samples at the smallest or the largest value; 0 where few levels look like clipping."""
    lowest, highest = samples.min(), samples.max()
    if lowest == highest or (samples.dtype.kind == "i" and int(highest) - int(lowest) < MIN_LEVELS):
        return 0.0
    return float(np.mean(samples == lowest) + np.mean(samples == highest))


def _filled(samples: NDArray[Any]) -> NDArray[Any]:
    """Without the rows and the columns at the border that hold one single value."""
    for _ in range(2):
        varying = np.flatnonzero(samples.min(axis=1) != samples.max(axis=1))
        samples = samples[varying[0] : varying[-1] + 1].T if varying.size else samples.T
    return samples
