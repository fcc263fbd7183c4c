"""Every case of the suite, and the selection of a run."""

from collections.abc import Callable, Iterator
from typing import Final

from tools.errors import ToolError
from tools.evaluate.suite import conditions, detectability, hand_held, textures, three_frames
from tools.evaluate.suite.scene import Case

SEED: Final = 20_000
"""Of the suite. Training uses other seeds, so that no phantom of the suite is ever trained on."""

GROUPS: Final[dict[str, Callable[[int], Iterator[Case]]]] = {
    "strain-filter": conditions.strain_filter,
    "bound": conditions.bound,
    "noise": conditions.noise,
    "decorrelation": conditions.decorrelation,
    "large": conditions.large,
    "frequency": conditions.frequency,
    "point-spread": conditions.point_spread,
    "clutter": conditions.clutter,
    "sphere": conditions.sphere,
    "slip": conditions.slip,
    "still": conditions.still,
    "small": conditions.small,
    "release": conditions.release,
    "gratings": textures.gratings,
    "frontier": textures.frontier,
    "coherence": textures.coherence,
    "hallucination": textures.hallucination,
    "detectability": detectability.detectability,
    "closure": three_frames.closure,
    "cycles": hand_held.cycles,
    "cut": hand_held.cut,
}


def question(group: str) -> str:
    """One sentence: the group's content and question."""
    return (GROUPS[group].__doc__ or "").strip()


def cases(suite: str, chosen: list[str], seed: int = SEED) -> list[Case]:
    """The cases of `suite` (full or quick) in the chosen groups (none: all), in order.

    Raises ToolError for a name that does not exist.
    """
    if suite not in ("full", "quick"):
        raise ToolError(f"no suite {suite!r}: full or quick")
    for name in chosen:
        if name not in GROUPS:
            raise ToolError(f"no group {name!r}: {', '.join(GROUPS)}")
    wanted = [case for name, make in GROUPS.items() if not chosen or name in chosen for case in make(seed)]
    return [case for case in wanted if suite == "full" or case.quick]
