"""What stands beside a weights file: its configuration, its SHA-256, how it was trained. No torch here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from engine.errors import EngineUnavailable
from engine.musse.program_io import PROGRAM_VERSION
from engine.musse.trusted_range import TrustedRange
from engine.network.configuration import UsseConfiguration

FORMAT: Final = "musse-weights"
FORMAT_VERSION: Final = 1
UNMEASURED: Final = 1.0  # share of weights without a measurement: more pairs then never lower sigma


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredErrors:
    """How the errors of a network's strain hang together: `engine.training.validation.errors`."""

    shared: float = UNMEASURED
    """Share of a pair's variance that all pairs have in common, 0-1."""
    correlation: tuple[float, float] | None = None
    """Cells along and across, as of the correlation exp(-(d / length)^2); None: not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a weights file holds."""

    kind: str
    """live or paper."""
    configuration: UsseConfiguration
    sha256: str
    """Of the safetensors file."""
    trained: Mapping[str, Any]
    """Recipe, steps, versions."""
    errors: MeasuredErrors = MeasuredErrors()
    """Beside each other in the file."""
    trusted_range: TrustedRange | None = None
    """Acquisitions that `auto` takes these weights for; None: none."""

    @property
    def model_hash(self) -> str:
        """Label of results: see `model_hash`; of the published network the weights' SHA-256."""
        return model_hash(self.sha256) if self.kind == "live" else self.sha256


def model_hash(weights_hash: str) -> str:
    """SHA-256 of the weights' SHA-256 and the version of the live program around them."""
    return hashlib.sha256(f"{weights_hash} program {PROGRAM_VERSION}".encode()).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """The manifest of a weights file. Raises EngineUnavailable: it is missing, foreign, or of other bytes."""
    described = path.with_suffix(".json")
    try:
        raw = json.loads(described.read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT or raw.pop("format_version") != FORMAT_VERSION:
            raise EngineUnavailable(f"{described} is no manifest of weights of this version")
        choices = raw.pop("configuration")
        gate = choices.pop("attention_gate", "sigmoid")  # a choice of earlier releases
        if gate != "sigmoid":
            raise ValueError(f'attention_gate = "{gate}": only sigmoid is supported')
        configuration = UsseConfiguration(**_tuples(choices))
        span = raw.pop("trusted_range", None)
        trusted = None if span is None else TrustedRange(**_tuples(span))
        measured = {f.name: raw.pop(f.name) for f in fields(MeasuredErrors) if f.name in raw}
        errors = MeasuredErrors(**_tuples(measured))
        manifest = Manifest(configuration=configuration, trusted_range=trusted, errors=errors, **raw)
        if not 0.0 <= errors.shared <= 1.0:
            raise ValueError(f"shared = {errors.shared}: a share lies between 0 and 1")
        if errors.correlation is not None and not min(errors.correlation) > 0.0:
            raise ValueError(f"correlation = {errors.correlation}: lengths in cells are above 0")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(
            f"weights {path}: no usable manifest {described.name} ({error}); both files belong together"
        ) from error
    try:
        found = digest(path)
    except OSError as error:
        raise EngineUnavailable(f"weights {path} cannot be read: {error}") from error
    if found != manifest.sha256:
        raise EngineUnavailable(f"weights {path} are not what {described.name} describes: copy both again")
    return manifest


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
