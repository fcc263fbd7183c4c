"""The highest frame rate that the node holds: by trials at one rate after the other."""

from collections.abc import Callable, Mapping
from typing import Any, Final

STEP: Final = 1.06
"""Ratio of two neighbouring rates of the search."""
MAX_TRIALS: Final = 10
MAX_MISSED: Final = 0.005
"""Share of the frames without a result at a rate that counts as sustained."""

Measure = Callable[[float], dict[str, Any]]


def sustained(figures: Mapping[str, Any]) -> bool:
    """Whether no frame was lost, and at most 0.5 % of those after the warm-up have no result."""
    missed = figures["measured_without_result"] / max(1, figures["frames_sent"])
    return bool(figures["frames_lost"] == 0 and missed <= MAX_MISSED)


def find_rate(measure: Measure, start: float) -> dict[str, Any]:
    """The figures of the highest sustained rate, with `highest_rate` (None: there is none) and all `trials`.

    Beginning with `start` (Hz), the rate is divided by `STEP` until one is sustained, or multiplied until one
    is not; at most 10 trials. `measure` runs one trial.
    """
    trials: list[dict[str, Any]] = []
    best: dict[str, Any] | None = None
    last: dict[str, Any] = {}
    rate, rising = start, True
    while len(trials) < MAX_TRIALS:
        last = measure(rate)
        good = sustained(last)
        trials.append({"rate": round(rate, 2), "sustained": good, "missed": last["measured_without_result"]})
        if good:
            best = last
            if not rising:
                break
        elif best is not None:
            break
        else:
            rising = False
        rate = rate * STEP if good else rate / STEP
    highest = None if best is None else best["rate"]
    return {**(best or last), "highest_rate": highest, "trials": trials}
