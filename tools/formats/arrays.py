"""From named arrays, as NumPy, MATLAB and HDF5 files hold them, to frames and the constants beside them.

The array is the one whose name states RF or IQ (rf, rf_data, RFData, iq, IQData, beamformed_data, ...),
wherever in structs and groups it stands, else the only one there is, else the one given by --variable.
Constants come from the struct that holds it, then from those around that, then from the other ones
(`tools.formats.names`).
Times of the frames: t_acq (int64, ns), or timestamps (s).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS, PartialAcquisition
from tools.formats.axes import AxisRoles, SampleFrames, find_roles
from tools.formats.contents import Contents, Layout
from tools.formats.missing import LayoutUnclear
from tools.formats.names import same, stated_in
from tools.formats.quadrature import Samples, Squeezed
from tools.formats.real_iq import Named, as_iq
from tools.formats.samples import handed_out_dtype
from tools.formats.tree import (
    FrameStack,
    Place,
    Tree,
    arrays_in,
    listed,
    other_tables,
    tables_around,
    written,
)
from tools.formats.verasonics import verasonics_constants, verasonics_notes

_RF_NAMES: Final = frozenset(
    {"rf", "rfdata", "rfframes", "rfframe", "rflines", "rfsignal", "rfsignals", "beamformed",
     "beamformeddata", "bfdata", "bfrf", "rfbf"}
)  # fmt: skip
_IQ_NAMES: Final = frozenset(
    {"iq", "iqdata", "iqframes", "iqframe", "iqlines", "iqsignal", "iqsignals", "bfiq", "iqbf"}
)
_PAIRS: Final = {"i": "q", "idata": "qdata", "iqi": "iqq", "inphase": "quadrature"}
_CHANNEL_NAMES: Final = frozenset(
    {"rcvdata", "channeldata", "rfchanneldata", "rawdata", "rawrf", "aligneddata", "prebeamform"}
)
_TIMES: Final = ("timestamps", "time_stamps", "frame_times")
_FEW: Final = 256  # samples: a smaller array is a table, not a recording


def contents_of(
    path: Path,
    tree: Tree,
    layout: Layout,
    *,
    notes: tuple[str, ...] = (),
    close: Callable[[], None] = lambda: None,
) -> Contents:
    """Frames and constants among the named values of the file at `path`; `close` lets go of the file.

    Raises RecordingError where no array is RF or IQ, several are, or its axes are not clear from the data.
    """
    try:
        named, picked_note = _pick(path, tree, layout)
    except LayoutUnclear as unclear:
        unclear.stated = stated_in(path, tree)
        unclear.has_times = _times(path, tree, ()) is not None
        raise
    stated, stated_notes = _stated(path, tree, named.place)
    times = _times(path, tree, named.place) if layout.times_wanted else None
    try:
        samples, roles, iq_note = _arranged(path, named, stated, layout, times)
    except LayoutUnclear as unclear:
        unclear.stated, unclear.has_times = stated, times is not None
        unclear.is_iq = named.called_iq or named.samples.dtype.kind == "c"
        raise
    _, type_note = handed_out_dtype(samples.dtype)
    frames = SampleFrames(samples, roles, close)
    if times is not None and times.size != frames.n_frames:
        raise RecordingError(
            f"{path} has {times.size} times for {frames.n_frames} frames; "
            f"give {OPTIONS['frame_rate']} instead"
        )
    found = (*notes, picked_note, *stated_notes, roles.note, iq_note or type_note)
    return Contents(
        frames=frames,
        stated=PartialAcquisition(**stated),
        t_acq=times,
        notes=tuple(note[:200] for note in found if note),
    )


def _arranged(
    path: Path, named: Named, stated: Mapping[str, Any], layout: Layout, times: NDArray[np.int64] | None
) -> tuple[Samples, AxisRoles, str]:
    """The samples as real RF or complex IQ of two or three axes, the roles of these, and a note on the IQ."""
    named = replace(named, stated_demodulation=_hertz(stated.get("demodulation_frequency")))
    samples, name = named.samples, written(named.place)
    if isinstance(samples, FrameStack) and layout.frame_axis is None:
        layout = replace(layout, frame_axis=samples.frame_axis)
    if len(samples.shape) > 3:
        samples = Squeezed(samples)
    samples, iq_note = as_iq(path, replace(named, samples=samples), layout)
    if len(samples.shape) not in {2, 3}:
        raise RecordingError(
            f"{path}: {name} has shape {samples.shape}; frames are 2-D or 3-D arrays. "
            "More axes are channel data or volumes: beamform them first, or take one plane"
        )
    roles = find_roles(path, name, samples, layout, None if times is None else times.size)
    return samples, roles, iq_note


def _pick(path: Path, tree: Tree, layout: Layout) -> tuple[Named, str]:
    arrays = arrays_in(tree)
    if not arrays:
        raise RecordingError(f"{path} holds no array of numbers with two axes or more, so no RF and no IQ")
    if layout.variable is not None:
        wanted = {place: leaf for place, leaf in arrays.items() if written(place) == layout.variable}
        if not wanted:
            raise LayoutUnclear(
                f"{path} has no array {layout.variable}; it holds {listed(arrays)}: "
                f"give {OPTIONS['variable']}",
                "variable",
            )
        place, leaf = next(iter(wanted.items()))
        return _named(place, leaf, arrays), ""
    by_name = {place: leaf for place, leaf in arrays.items() if _plain(place) in _RF_NAMES | _IQ_NAMES} or {
        place: leaf for place, leaf in arrays.items() if _partner(place, arrays) is not None
    }
    if len(by_name) == 1:
        place, leaf = next(iter(by_name.items()))
        return _named(place, leaf, arrays), ""
    if by_name:
        raise LayoutUnclear(
            f"{path} has RF or IQ more than once: {listed(by_name)}: give {OPTIONS['variable']}", "variable"
        )
    channels = {place: leaf for place, leaf in arrays.items() if _plain(place) in _CHANNEL_NAMES}
    if channels:
        raise RecordingError(
            f"{path} holds channel data, {listed(channels)}: signals of single elements, before beamforming. "
            "Beamform them first, for instance with zea or ultraspy, and give the beamformed RF or IQ lines"
        )
    large = {place: leaf for place, leaf in arrays.items() if np.prod(leaf.shape) >= _FEW}
    if len(large) == 1:
        place, leaf = next(iter(large.items()))
        return _named(
            place, leaf, arrays
        ), f"samples: taken from {written(place)}, the only array in the file"
    raise LayoutUnclear(
        f"{path} has no array named rf, rf_data, iq, iq_data or alike; "
        f"it holds {listed(arrays)}: give {OPTIONS['variable']}",
        "variable",
    )


def _named(place: Place, leaf: Samples, arrays: Mapping[Place, Samples]) -> Named:
    partner = _partner(place, arrays)
    return Named(
        place=place,
        samples=leaf,
        called_iq=_plain(place) in _IQ_NAMES or partner is not None,
        quadrature=None if partner is None else arrays[partner],
    )


def _plain(place: Place) -> str:
    """The name without case, underscores and MATLAB's number of a cell."""
    name = next(part for part in reversed(place) if not part.startswith("{")) if place else ""
    return name.lower().replace("_", "").replace(" ", "")


def _partner(place: Place, arrays: Mapping[Place, Samples]) -> Place | None:
    """The array of Q values beside this one of I values."""
    other = _PAIRS.get(_plain(place))
    for candidate in arrays:
        beside = candidate[:-1] == place[:-1] and arrays[candidate].shape == arrays[place].shape
        if other and beside and _plain(candidate) == other:
            return candidate
    return None


def _hertz(value: Any) -> float:
    try:
        return float(value or 0.0)
    except (TypeError, ValueError):
        return 0.0  # completion names it


def _stated(path: Path, tree: Tree, place: Place) -> tuple[dict[str, Any], list[str]]:
    """What the file states, the nearest table first, and notes where tables differ."""
    scopes = [(name, stated_in(path, table)) for name, table in tables_around(tree, place)]
    verasonics = verasonics_constants(path, tree)
    if verasonics is not None:
        scopes.insert(0, ("Trans and PData", verasonics))
    around = len(scopes)
    scopes += [(name, stated_in(path, table)) for name, table in other_tables(tree, place)]
    notes = [] if verasonics is None else verasonics_notes(tree)
    stated: dict[str, Any] = {}
    origin: dict[str, int] = {}
    for number, (name, table) in enumerate(scopes):
        for field, value in table.items():
            if field not in stated:
                stated[field], origin[field] = value, number
            elif not same(stated[field], value):
                first = scopes[origin[field]][0] or "the file"
                if origin[field] >= around:
                    raise RecordingError(
                        f"{path}: {field} = {stated[field]} in {first} and {value} in {name} contradict; "
                        f"give {OPTIONS[field]}"
                    )
                notes.append(f"{field}: {stated[field]} from {first}, {name or 'the file'} states {value}")
    return stated, notes


def _times(path: Path, tree: Tree, place: Place) -> NDArray[np.int64] | None:
    for _, table in (*tables_around(tree, place), *other_tables(tree, place)):
        lowered = {name.lower(): value for name, value in table.items() if not isinstance(value, Mapping)}
        if "t_acq" in lowered:
            stamps = np.atleast_1d(np.asarray(lowered["t_acq"])).reshape(-1)
            if stamps.dtype.kind not in "iu":
                raise RecordingError(f"{path}: t_acq is {stamps.dtype}; it has to be int64 nanoseconds")
            return np.asarray(stamps, np.int64)
        name = next((name for name in _TIMES if name in lowered), None)
        if name is not None:
            seconds = np.atleast_1d(np.asarray(lowered[name])).reshape(-1)
            if seconds.dtype.kind not in "iuf" or not np.isfinite(seconds).all():
                raise RecordingError(f"{path}: {name} are no finite numbers of seconds")
            return nanoseconds(seconds)
    return None


def nanoseconds(seconds: NDArray[Any]) -> NDArray[np.int64]:
    """Seconds as int64 ns; split first: today's date times 1e9 would lose what float64 still holds."""
    whole = np.floor(seconds)
    return np.asarray(whole.astype(np.int64) * 10**9 + np.rint((seconds - whole) * 1e9).astype(np.int64))
