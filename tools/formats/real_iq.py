"""Real arrays that are IQ: by their name, by a partner, or because the caller gives a demodulation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS
from tools.formats.axes import FEWEST_AXIAL, columns_along, unclear
from tools.formats.contents import Layout
from tools.formats.quadrature import AlongAxis, ChannelAxis, Samples, TwoArrays, halves_along
from tools.formats.tree import Place, written

_REMEDY: Final = "save it as complex numbers"


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """An array that was picked, and what its surroundings state about it."""

    place: Place
    samples: Samples
    called_iq: bool
    """Whether its name states IQ."""
    quadrature: Samples | None
    """The array of Q values, where this one holds the I values."""
    stated_demodulation: float = 0.0
    """Hz that the file states the samples were mixed down by."""


def as_iq(path: Path, named: Named, layout: Layout) -> tuple[Samples, str]:
    """The samples, complex where they are IQ, and a note on how they were combined ('' where they were not).

    Raises RecordingError where real samples may be either, or their IQ lies in no order that can be seen.
    """
    samples, name = named.samples, written(named.place)
    if samples.dtype.kind == "c":
        return samples, ""
    if named.quadrature is not None:
        return TwoArrays(samples, named.quadrature), f"samples: {name} and its partner are I and Q"
    given = layout.demodulation_frequency
    if not named.called_iq and not given:
        if named.stated_demodulation and given is None:
            raise RecordingError(
                f"{path}: {name} holds real samples, yet a demodulation frequency of "
                f"{named.stated_demodulation / 1e6:g} MHz is stated: give --demodulation-frequency 0 if "
                f"it is RF, or {OPTIONS['demodulation_frequency']} if it is IQ in turn (I, Q, I, Q)"
            )
        return samples, ""
    frame_axis = layout.frame_axis if len(samples.shape) == 3 else None  # counted without the axis of I and Q
    twos = [axis for axis, n in enumerate(samples.shape) if n == 2 and axis != frame_axis]
    if len(samples.shape) > 2 and len(twos) == 1:
        return ChannelAxis(samples, twos[0]), f"samples: I and Q of {name} along axis {twos[0]}"
    if len(samples.shape) > 3:
        return samples, ""
    axis = _interleaved_axis(path, name, samples, layout)
    if samples.shape[axis] % 2:
        raise RecordingError(
            f"{path}: {name} {samples.shape} is real and odd along the beam, so it holds no I and Q in turn: "
            f"{_REMEDY}"
        )
    halves = halves_along(columns_along(samples, axis))
    if halves is None:
        raise RecordingError(
            f"{path}: {name} {samples.shape} is IQ stored as real numbers, in turn or one half behind the "
            f"other: {_REMEDY}"
        )
    order = "all I before all Q" if halves else "I, Q, I, Q"
    return AlongAxis(samples, axis, halves=halves), f"samples: {name} is real IQ, {order} along axis {axis}"


def _interleaved_axis(path: Path, name: str, samples: Samples, layout: Layout) -> int:
    axes = [axis for axis in range(len(samples.shape)) if axis != layout.frame_axis]
    if layout.axes is not None and len(axes) == 2:
        return axes[0] if layout.axes == "axial,lateral" else axes[1]
    possible = [axis for axis in axes if samples.shape[axis] >= 2 * FEWEST_AXIAL]
    if len(possible) != 1:
        raise unclear(path, name, samples, f"the beam may run along axis {possible or axes}")
    return possible[0]
