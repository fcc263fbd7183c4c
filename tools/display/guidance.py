"""What the hand should do next, from the strain it made. It never asks for static pressure."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from tools.display.view import TracePoint

RECENT: Final = 2.0  # s: one press and release
BAND: Final = (0.002, 0.01)  # |mean strain| per pair that makes good images
_DRIFT_OVER: Final = 8.0  # s
DRIFT: Final = 0.03  # cumulative strain over the trace beyond which the base pressure has changed


def advice(trace: Sequence[TracePoint], rejection: str | None, now: float) -> str:
    """One short sentence; empty where the hand does well or nothing is known."""
    if rejection == "sliding":
        return "sliding: press straight down"
    if rejection in ("too_much_motion", "decorrelated"):
        return "slower"
    recent = [p.mean_strain for p in trace if p.mean_strain is not None and p.time > now - RECENT]
    resting = [p for p in trace if p.time > now - RECENT]
    if not resting:
        return ""
    strongest = max((abs(strain) for strain in recent), default=0.0)
    if strongest < BAND[0]:
        return "move a little more"
    if strongest > BAND[1]:
        return "move a little less"
    drift = base_drift(trace)
    return f"base pressure changed by {100 * drift:+.0f} %" if abs(drift) > DRIFT else ""


def base_drift(trace: Sequence[TracePoint]) -> float:
    """Change of cumulative mean strain between the halves of a trace of at least 8 s, presses averaged."""
    if not trace or trace[-1].time - trace[0].time < _DRIFT_OVER:
        return 0.0
    middle = (trace[0].time + trace[-1].time) / 2
    total, halves = 0.0, ([0.0], [0.0])
    for point in trace:
        total += point.mean_strain or 0.0
        halves[point.time >= middle].append(total)
    return fmean(halves[1][1:]) - fmean(halves[0][1:])
