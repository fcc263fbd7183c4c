"""From named arrays, as .npz and .mat files hold them, to frames: which array, and which axis is which.

Array names: rf, rf_data, rfdata, iq, iq_data, iqdata (any case), or the one given by --variable.
Scalars (any case; MATLAB structs are looked into one level deep), all in SI units:
    sampling_frequency   sampling_frequency, samplingfrequency, sampling_rate, fs
    center_frequency     center_frequency, centerfrequency, central_frequency, fc, f0
    demodulation_frequency   demodulation_frequency, fdemod
    line_pitch           line_pitch, linepitch, pitch
    probe_type           probe_type, probetype
    probe_radius         probe_radius, radius
    sound_speed          sound_speed, soundspeed, speed_of_sound, c, c0
    initial_time         initial_time, t0
    frame_rate           frame_rate, framerate
Times of the frames: t_acq (int64, ns), or timestamps (s).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS
from tools.formats.carrier import measure_carrier
from tools.formats.contents import Contents, Layout
from tools.formats.samples import ArrayFrames, handed_out_dtype

_ARRAY_NAMES: Final = ("rf", "rf_data", "rfdata", "iq", "iq_data", "iqdata")
_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "sampling_frequency": ("sampling_frequency", "samplingfrequency", "sampling_rate", "fs"),
    "center_frequency": ("center_frequency", "centerfrequency", "central_frequency", "fc", "f0"),
    "demodulation_frequency": ("demodulation_frequency", "fdemod"),
    "line_pitch": ("line_pitch", "linepitch", "pitch"),
    "probe_type": ("probe_type", "probetype"),
    "probe_radius": ("probe_radius", "radius"),
    "sound_speed": ("sound_speed", "soundspeed", "speed_of_sound", "c", "c0"),
    "initial_time": ("initial_time", "t0"),
    "frame_rate": ("frame_rate", "framerate"),
}
_FEWEST_AXIAL: Final = 64  # the protocol's least; a shorter axis cannot be the beam
_FEWEST_LATERAL: Final = 4


def contents_of(path: Path, arrays: Mapping[str, Any], layout: Layout) -> Contents:
    """Frames and constants among `arrays` (name to array, scalar, text or mapping) of the file at `path`.

    Raises RecordingError where no array is RF, several are, or its axes are not clear from the data.
    """
    name, array = _pick(path, arrays, layout)
    _, note = handed_out_dtype(array.dtype)
    lowered = _scalars(arrays, leave_out=name)
    stated = {}
    for field, aliases in _ALIASES.items():
        found = {alias: lowered[alias] for alias in aliases if alias in lowered}
        if len({str(value) for value in found.values()}) > 1:
            raise RecordingError(f"{path}: {found} contradict; give {OPTIONS[field]}")
        if found:
            stated[field] = next(iter(found.values()))
    times = _times(path, arrays) if layout.times_wanted else None
    stack, axes_note = _as_frames(path, name, array, layout, None if times is None else times.size)
    if times is not None and times.size != stack.shape[0]:
        raise RecordingError(
            f"{path} has {times.size} times for {stack.shape[0]} frames; give {OPTIONS['frame_rate']} instead"
        )
    return Contents(
        frames=ArrayFrames(stack),
        stated=stated,
        t_acq=times,
        notes=tuple(text for text in (axes_note, note) if text),
    )


def _pick(path: Path, arrays: Mapping[str, Any], layout: Layout) -> tuple[str, NDArray[Any]]:
    if layout.variable is not None:
        candidates = [layout.variable] if layout.variable in arrays else []
    else:
        candidates = [name for name in arrays if name.lower() in _ARRAY_NAMES]
    if len(candidates) != 1:
        found = ", ".join(f"{key} {np.shape(value)}" for key, value in arrays.items() if np.ndim(value) >= 2)
        wanted = layout.variable or f"one of {', '.join(_ARRAY_NAMES)}"
        many = " more than once" if candidates else ""
        raise RecordingError(
            f"{path} has {'' if many else 'no '}array {wanted}{many}; it holds {found or 'no array'}: "
            f"say which with {OPTIONS['variable']}"
        )
    array = np.asarray(arrays[candidates[0]])
    if array.ndim not in {2, 3}:
        raise RecordingError(f"{path}: {candidates[0]} has shape {array.shape}; frames are 2-D or 3-D arrays")
    return candidates[0], array


def _scalars(arrays: Mapping[str, Any], *, leave_out: str) -> dict[str, Any]:
    """Single numbers and texts by lower-case name; those at the top come before those in structs."""
    flat: dict[str, Any] = {}
    nested = [value for value in arrays.values() if isinstance(value, Mapping)]
    for table in (*nested, arrays):
        for name, value in table.items():
            if name != leave_out and not isinstance(value, Mapping) and np.size(value) == 1:
                flat[name.lower()] = np.asarray(value).reshape(-1)[0].item()
    return flat


def _times(path: Path, arrays: Mapping[str, Any]) -> NDArray[np.int64] | None:
    lowered = {name.lower(): value for name, value in arrays.items()}
    if "t_acq" in lowered:
        stamps = np.atleast_1d(np.asarray(lowered["t_acq"])).reshape(-1)
        if stamps.dtype.kind not in "iu":
            raise RecordingError(f"{path}: t_acq is {stamps.dtype}; it has to be int64 nanoseconds")
        return np.asarray(stamps, np.int64)
    if "timestamps" not in lowered:
        return None
    seconds = np.atleast_1d(np.asarray(lowered["timestamps"])).reshape(-1)
    if seconds.dtype.kind not in "iuf" or not np.isfinite(seconds).all():
        raise RecordingError(f"{path}: timestamps are no finite numbers of seconds")
    whole = np.floor(seconds)  # split first: today's date times 1e9 would lose what float64 still holds
    return np.asarray(whole.astype(np.int64) * 10**9 + np.rint((seconds - whole) * 1e9).astype(np.int64))


def _as_frames(
    path: Path, name: str, array: NDArray[Any], layout: Layout, n_times: int | None
) -> tuple[NDArray[Any], str]:
    """`array` seen as (frames, n_axial, n_lateral), and a note on what was found out for it.

    1. 2-D: one frame.  2. The caller says which axis counts the frames.  3. The beam is the one axis with a
    carrier, and of the two left only one can be frames, by the number of times or because the other has
    fewer than 4 lines.  Everything else is refused: frames and lines in the wrong place look plausible.
    """
    if array.ndim == 2:  # case 1
        array, frame_axis = array[None], 0
    else:
        frame_axis = -1 if layout.frame_axis is None else layout.frame_axis
    if layout.axes is not None:
        if frame_axis < 0:
            raise RecordingError(_unclear(path, name, array, "the caller gives the order of the other two"))
        rest = [axis for axis in range(3) if axis != frame_axis]
        axial = rest[0] if layout.axes == "axial,lateral" else rest[1]
        return np.moveaxis(array, (frame_axis, axial), (0, 1)), ""
    axial = _beam_axis(path, name, array, frame_axis)
    rest = [axis for axis in range(3) if axis != axial]
    if frame_axis < 0:  # case 3
        possible = [axis for axis in rest if array.shape[rest[1 - rest.index(axis)]] >= _FEWEST_LATERAL]
        if n_times is not None:
            possible = [axis for axis in possible if array.shape[axis] == n_times]
        if len(possible) != 1:
            raise RecordingError(_unclear(path, name, array, f"axis {axial} is along the beam"))
        frame_axis = possible[0]
    stack = np.moveaxis(array, (frame_axis, axial), (0, 1))
    return stack, f"axes: {name} {array.shape} has its carrier along axis {axial}"[:200]


def _beam_axis(path: Path, name: str, array: NDArray[Any], frame_axis: int) -> int:
    possible = [axis for axis in range(3) if axis != frame_axis and array.shape[axis] >= _FEWEST_AXIAL]
    if np.iscomplexobj(array):  # IQ has no carrier; only the size speaks
        along_beam = possible
    else:
        along_beam = [axis for axis in possible if measure_carrier([_columns_along(array, axis)])]
    if len(along_beam) == 1:
        return along_beam[0]
    if along_beam:
        raise RecordingError(_unclear(path, name, array, f"the beam may run along axis {along_beam}"))
    if np.iscomplexobj(array):
        raise RecordingError(
            f"{path}: {name} {array.shape} is too small: no axis has {_FEWEST_AXIAL} samples"
        )
    raise RecordingError(
        f"{path}: {name} {array.shape} is not RF: it has no carrier along any axis, as B-mode images, "
        "envelopes and noise have none. Record RF before envelope detection"
    )


def _columns_along(array: NDArray[Any], axis: int) -> NDArray[Any]:
    """A sample of the lines along `axis`, (n, columns): the whole of a long recording would be copied."""
    lines = np.moveaxis(array, axis, 0)
    step_1, step_2 = (max(1, n // 24) for n in lines.shape[1:])
    return lines[:, ::step_1, ::step_2].reshape(lines.shape[0], -1)


def _unclear(path: Path, name: str, array: NDArray[Any], known: str) -> str:
    if array.shape[0] == 1:
        return f"{path}: {name} {array.shape[1:]}: {known}: give {OPTIONS['axes']} (slowest first)"
    return (
        f"{path}: which axis of {name} {array.shape} counts the frames is not clear ({known}): "
        f"give {OPTIONS['frame_axis']}, and {OPTIONS['axes']} if need be "
        "(the other two, slowest first)"
    )
