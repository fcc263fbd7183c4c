"""The check of a recording: whether it opens, and what the node would refuse of it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tools.doctor.findings import Finding
from tools.errors import RecordingError
from tools.formats.description import describe
from tools.results.description import holds_results

if TYPE_CHECKING:
    from tools.formats import Recording


def check_recording(file: Path, open_file: Callable[[Path], "Recording"]) -> Finding:
    """Whether `file` can be opened, how many frames it has, and which of them are unusable."""
    name = "recording"
    if file.is_file() and holds_results(file):
        remedy = "give the recording of RF frames; `musse-stream info FILE` shows results"
        return Finding(name, "attention", "the file holds strain results, not RF frames", remedy)
    try:
        with open_file(file) as recording:
            about = describe(recording)
    except RecordingError as error:
        return Finding(name, "fault", str(error), "musse-stream info FILE; docs/formats.md lists the formats")
    rows, lines = about["shape"]
    rate = about["frame_rate"]
    text = f"{about['frames']} frames of {rows} samples x {lines} lines"
    text += "" if rate is None else f", {rate:.1f} frames/s"
    if about["assumed"]:
        text += f"; measured or assumed: {', '.join(line.partition(':')[0] for line in about['assumed'])}"
    refused = Counter(frame["refused"] for frame in about["per_frame"] if frame["refused"])
    troubles = [f"{count} frames are refused: {reason}" for reason, count in refused.items()]
    if about["missing_frames"]:
        troubles.append(f"{about['missing_frames']} frames are missing")
    if about["frames"] < 2:
        troubles.append("a pair needs two frames")
    if not troubles:
        return Finding(name, "ok", text)
    all_lost = refused.total() > about["frames"] - 2
    remedy = "docs/protocol.md explains each reason; musse-stream info FILE shows every frame"
    return Finding(name, "fault" if all_lost else "attention", "; ".join([text, *troubles]), remedy)
