"""The engine that the configuration names, and why the one that runs was taken."""

from pathlib import Path
from typing import Final

from engine.device import device_note
from engine.estimator import Estimator
from engine.factory import resolve
from streamer.config import EngineConfig

_COMMAND: Final = ": musse-stream "


def weights_of(settings: EngineConfig) -> Path | None:
    """The configured weights, as the engine's factory takes them."""
    return Path(settings.weights) if settings.weights else None


def choice(settings: EngineConfig, estimator: Estimator | None = None) -> tuple[str, str]:
    """Name of the engine, and why it is this one, on this device, and not a better one.

    Without `estimator` that of the configuration, before an acquisition decides. The command that would give
    a better engine is the end of the reason. Raises EngineUnavailable for an unknown name.
    """
    spec = None if estimator is None else estimator.spec
    name, why = resolve(settings.name, weights_of(settings), spec, settings.where)
    reasons = [why, device_note(settings.device)]
    if estimator is not None:
        name = estimator.name
        reasons += [estimator.note] * bool(estimator.note)
    return name, "; ".join(reasons)


def for_file(reason: str) -> str:
    """A reason as it may stand in a file that is given away: without the command, which may name weights."""
    return reason.partition(_COMMAND)[0]
