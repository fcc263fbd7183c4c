"""One message that asks for everything a file leaves open, its layout included."""

from collections.abc import Mapping
from typing import Any

from tools.errors import RecordingError
from tools.formats.acquisition import OPTIONS


class LayoutUnclear(RecordingError):
    """The samples of a file cannot be distinguished from lines and frames; `what` names the options for that.

    A reader adds what it found out, before it passes the error on.
    """

    def __init__(self, message: str, *what: str) -> None:
        super().__init__(message)
        self.what = what
        self.stated: Mapping[str, Any] = {}
        """Fields the file states."""
        self.is_iq = False
        self.has_times = False


def everything_missing(unclear: LayoutUnclear, overrides: Mapping[str, Any], preset: str | None) -> str:
    """The message of `unclear` and all the other options that opening the file will need."""
    stated = {**unclear.stated, **overrides}
    needed = ["sampling_frequency"]
    if preset is None:
        needed += ["probe_type", "line_pitch"]
        if str(stated.get("probe_type", "")).lower() in {"curved", "convex", "curvilinear"}:
            needed.append("probe_radius")
    if unclear.is_iq:
        needed.append("demodulation_frequency")
    if not unclear.has_times:
        needed.append("frame_rate")
    open_ones = [name for name in needed if name not in stated]
    if not open_ones:
        return str(unclear)
    return f"{unclear}. It does not state {', '.join(open_ones)} either: {options_for(open_ones)}"


def options_for(fields: list[str]) -> str:
    """'give --this, --that', and a preset where the probe is among them."""
    options = ", ".join(OPTIONS[name] for name in fields)
    probe = {"probe_type", "line_pitch", "probe_radius"} & set(fields)
    return f"give {options}" + (", or a probe with --preset NAME" if probe else "")
