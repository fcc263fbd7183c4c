"""Opening any readable file as a recording."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS
from tools.formats.axes import FEWEST_AXIAL, FEWEST_LATERAL
from tools.formats.completion import Completion
from tools.formats.contents import Contents, Layout
from tools.formats.missing import LayoutUnclear, everything_missing
from tools.formats.recording import Recording

READERS: Final = {
    ".mhd": ("metaimage", "read_metaimage"),
    ".mha": ("metaimage", "read_metaimage"),
    ".nrrd": ("nrrd", "read_nrrd"),
    ".nhdr": ("nrrd", "read_nrrd"),
    ".h5": ("hdf5", "read_hdf5"),
    ".hdf5": ("hdf5", "read_hdf5"),
    ".uff": ("hdf5", "read_hdf5"),
    ".mat": ("mat", "read_mat"),
    ".npz": ("npz", "read_npz"),
    ".npy": ("npz", "read_npy"),
    ".raw": ("clarius", "read_clarius"),
    ".lzo": ("clarius", "read_clarius"),
    ".tar": ("clarius", "read_clarius"),
    ".rf": ("ultrasonix", "read_ultrasonix"),
    ".mcap": ("tape", "read_tape"),
}
_AXES: Final = ("axial,lateral", "lateral,axial")


def open_recording(
    path: str | Path, *, preset: str | None = None, overrides: Mapping[str, object] | None = None
) -> Recording:
    """Open a file of RF or IQ frames, in any of the formats of docs/formats.md.

    `overrides` replaces values of the file, in SI units: any key of
    `tools.formats.acquisition.OPTIONS`; None counts as not given. `preset` names a probe of
    `tools.formats.presets`. What is in neither is measured on the data where that is
    possible, and everything measured or assumed is listed in `Recording.assumed`.

    Raises RecordingError for a file that is missing, damaged or no RF, and where something stays unknown;
    the message names the remedy.
    """
    path = Path(path)
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    for name in given:
        if name not in OPTIONS:
            near = get_close_matches(name, OPTIONS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(OPTIONS)}"
            raise RecordingError(f"nothing named {name!r} can be stated about a recording; {hint}")
    if not path.is_file():
        raise RecordingError(f"{path} is not there" if not path.exists() else f"{path} is not a file")
    reader = _reader(path)
    if path.stat().st_size == 0:
        raise RecordingError(f"{path} is empty: nothing was written, or copying it failed")
    try:
        contents = reader(path, _layout(given))
    except LayoutUnclear as unclear:
        raise RecordingError(everything_missing(unclear, given, preset)) from unclear
    try:
        n_frames = contents.frames.n_frames
        if n_frames < 1:
            raise RecordingError(f"{path} holds no frame")
        n_axial, n_lateral = contents.frames.shape
        if n_axial < FEWEST_AXIAL or n_lateral < FEWEST_LATERAL:
            raise RecordingError(
                f"{path}: its frames are {n_axial} samples x {n_lateral} lines; strain needs "
                f"{FEWEST_AXIAL} x {FEWEST_LATERAL} at least. If these are exchanged, give {OPTIONS['axes']}"
            )
        completion = Completion(path, contents, preset, given)
        index = contents.frame_index
        if index is not None and (np.diff(index) <= 0).any():
            raise RecordingError(f"{path}: the frame numbers do not rise")
        recording = Recording(
            path,
            contents.frames,
            completion.acquisition(),
            t_acq=completion.times(),
            frame_index=np.arange(n_frames) if index is None else index,
            status=contents.status or ("OK",) * n_frames,
            truth=contents.truth,
        )
        recording.header(0, source_id="check", session_id="check")  # breaks the protocol here, not at frame 0
    except BaseException:
        contents.frames.close()
        raise
    return recording


def _layout(given: Mapping[str, Any]) -> Layout:
    axes = given.get("axes")
    if axes is not None and axes not in _AXES:
        raise RecordingError(f"axes = {axes!r}; give {OPTIONS['axes']}")
    frame_axis = given.get("frame_axis")
    if frame_axis is not None and frame_axis not in {0, 1, 2}:
        raise RecordingError(f"frame_axis = {frame_axis!r}; give {OPTIONS['frame_axis']}")
    return Layout(
        axes=axes,
        frame_axis=frame_axis,
        variable=given.get("variable"),
        demodulation_frequency=given.get("demodulation_frequency"),
        times_wanted=given.get("frame_rate") is None,
    )


def _reader(path: Path) -> Callable[[Path, Layout], Contents]:
    """The reader for this suffix, imported here: scipy and h5py are needed by some formats only."""
    found = READERS.get(path.suffix.lower())
    if found is None:
        raise RecordingError(
            f"{path}: no reader for {path.suffix!r}; readable are {', '.join(READERS)} (docs/formats.md)"
        )
    module, function = found
    reader: Callable[[Path, Layout], Contents] = getattr(import_module(f"tools.formats.{module}"), function)
    return reader
