"""What an engineer wants to know of a recording before running it: times, losses, levels, clipping."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.errors import MessageRefused
from streamer.frame import check_samples
from tools.formats.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFigures:
    """Signal figures of one frame, in the samples' own unit."""

    frame_index: int
    time: float
    """s since the first frame."""
    status: str
    rms: float | None
    """Of the finite samples; None where there is none."""
    peak: float | None
    """Largest magnitude."""
    at_extremes: float
    """Share of the samples that equal the frame's largest or smallest one; above 0.01 means clipping."""
    zeros: float
    """Share of the samples that are exactly 0: outside the image, or lost."""
    refused: str | None
    """Why the node would refuse the frame, or None."""


def frame_figures(recording: Recording, index: int) -> FrameFigures:
    """Figures of frame `index` (from 0); reads that frame."""
    samples = recording.frame(index)
    parts = samples.view(np.float32) if np.iscomplexobj(samples) else samples
    finite = parts[np.isfinite(parts)].astype(np.float64)
    status = recording.status[index]
    refused = _refusal(samples)
    return FrameFigures(
        frame_index=int(recording.frame_index[index]),
        time=float(recording.t_acq[index] - recording.t_acq[0]) * 1e-9,
        status=status,
        rms=float(np.sqrt(np.mean(finite**2))) if finite.size else None,
        peak=float(np.abs(finite).max()) if finite.size else None,
        at_extremes=float(np.mean((finite == finite.min()) | (finite == finite.max())))
        if finite.size
        else 0.0,
        zeros=float(np.mean(parts == 0)),
        refused="bad_status" if status != "OK" else refused,
    )


def describe(recording: Recording) -> dict[str, Any]:
    """Everything about a recording as plain JSON values; reads every frame once.

    Lengths are in metres, times in seconds, frequencies in Hz; None stands where there is no value.
    """
    acquisition = asdict(recording.acquisition)
    assumed = acquisition.pop("assumed")
    n_axial, n_lateral = recording.shape
    sample_pitch = recording.acquisition.sample_pitch
    intervals = np.diff(recording.t_acq) * 1e-9
    return {
        "file": str(recording.path),
        "frames": recording.n_frames,
        "shape": [n_axial, n_lateral],
        "dtype": recording.dtype.name,
        "duration": recording.duration,
        "frame_rate": recording.frame_rate,
        "interval_min": float(intervals.min()) if intervals.size else None,
        "interval_max": float(intervals.max()) if intervals.size else None,
        "missing_frames": recording.n_missing,
        "depth": n_axial * sample_pitch,
        "sample_pitch": sample_pitch,
        "header": acquisition,
        "assumed": list(assumed),
        "truth": list(recording.truth.names) if recording.truth else [],
        "per_frame": [asdict(frame_figures(recording, index)) for index in range(recording.n_frames)],
    }


def _refusal(samples: NDArray[Any]) -> str | None:
    try:
        check_samples(samples)
    except MessageRefused as refusal:
        return refusal.reason
    return None
