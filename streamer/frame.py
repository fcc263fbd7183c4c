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

    @property
    def geometry(self) -> tuple[object, ...]:
        """Everything an estimator is built for: frames pair only where this is equal."""
        header = self.header
        return (
            header.shape,
            header.kind,
            header.sampling_frequency,
            header.center_frequency,
            header.demodulation_frequency,
            header.sound_speed,
            header.initial_time,
            header.probe_type,
            header.line_pitch,
            header.probe_radius,
            header.steering_angles,
        )


def view_samples(header: RfHeader, payload: NDArray[np.uint8]) -> NDArray[Any]:
    """The payload as (n_axial, n_lateral) without a copy, whatever its order in memory."""
    n_axial, n_lateral = header.shape
    samples = payload.view(header.dtype)
    if header.axes == "lateral,axial":
        return samples.reshape(n_lateral, n_axial).T
    return samples.reshape(n_axial, n_lateral)


def check_samples(samples: NDArray[Any]) -> None:
    """Raise MessageRefused for samples no engine could use: not_finite, no_signal or saturated.

    Saturation is judged without knowing the converter: more than 1 % of the samples at the extremes.
    """
    if np.iscomplexobj(samples):
        flat = samples.T if samples.flags.f_contiguous else samples
        samples = flat.view(np.float32)
    lowest, highest = samples.min(), samples.max()
    if not (lowest >= -LARGEST and highest <= LARGEST):  # min and max carry NaN along, and NaN fails both
        raise MessageRefused("not_finite", f"NaN, infinity or more than {LARGEST:g} among the samples")
    if lowest == highest:
        raise MessageRefused("no_signal", f"all samples are {lowest}")
    if samples.dtype.kind == "i" and int(highest) - int(lowest) < MIN_LEVELS:
        return
    clipped = np.count_nonzero(samples == lowest) + np.count_nonzero(samples == highest)
    if clipped > SATURATED_SHARE * samples.size:
        raise MessageRefused(
            "saturated", f"{clipped / samples.size:.1%} of the samples at {lowest} or {highest}"
        )
