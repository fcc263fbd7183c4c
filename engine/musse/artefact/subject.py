"""What an engine is compiled of: as a value, as part of a manifest, as a program, as a command line."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from engine.errors import EngineUnavailable
from engine.musse.checkpoint import load, load_published
from engine.musse.device.plan import example_inputs, pair_program
from engine.musse.device.published import published_pair
from engine.musse.manifest import read_manifest
from engine.musse.program import LiveProgram
from engine.musse.runtimes.policy import with_policy
from engine.spec import AXIAL_WINDOW, LATERAL_WINDOW, EngineSpec, Policy
from engine.tracking.iq import IqTransform

PACKAGE: Final = Path(str(files("engine.musse"))) / "weights"
"""Weights in this folder are named by a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an engine is compiled of."""

    spec: EngineSpec
    carrier: float
    """Cycles per sample: chooses the working grid."""
    policy: Policy
    weights: Path

    def to_json(self) -> dict[str, Any]:
        """Everything but computed values, for a manifest."""
        return {
            "spec": asdict(self.spec),
            "carrier": self.carrier,
            "policy": self.policy,
            "weights": str(self.weights),
        }

    @staticmethod
    def from_json(raw: Mapping[str, Any]) -> "Subject":
        """The subject of a manifest. Raises EngineUnavailable for one of another version."""
        try:
            given = {field.name: raw["spec"][field.name] for field in fields(EngineSpec)}
            given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
            return Subject(
                spec=EngineSpec(**given),
                carrier=float(raw["carrier"]),
                policy=raw["policy"],
                weights=Path(raw["weights"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EngineUnavailable("the compiled engine is of another version: build it again") from error

    @property
    def recurrent(self) -> bool:
        """Whether a pair depends on earlier ones: the published network does."""
        return read_manifest(self.weights).kind == "paper"

    def program(self) -> tuple[nn.Module, tuple[Tensor, ...]]:
        """The pair program on the CPU, and example inputs."""
        transform = IqTransform(self.spec)
        grid = transform.grid(self.carrier)
        if self.recurrent:
            return published_pair(self.spec, grid, load_published(self.weights)[0])
        net, _ = load(self.weights)
        pair = pair_program(self.spec, grid, with_policy(LiveProgram(net), self.policy))
        return pair, example_inputs(transform, grid, pair)

    def model_hash(self) -> str:
        """Of the weights: see `engine.musse.manifest.Manifest`."""
        return read_manifest(self.weights).model_hash


def build_arguments(subject: Subject) -> tuple[str, ...]:
    """What follows `musse-stream` on the command line that builds an engine. Numbers are exact."""
    spec = subject.spec
    given: dict[str, str | float] = {
        "shape": f"{spec.shape[0]}x{spec.shape[1]}",
        "sampling_frequency": spec.sampling_frequency,
        "center_frequency": spec.center_frequency,
        "line_pitch": spec.line_pitch,
        "carrier": subject.carrier * spec.sampling_frequency,
        "precision": subject.policy,
        "weights": subject.weights.stem if subject.weights.parent == PACKAGE else str(subject.weights),
    }
    for name, default in (("sound_speed", 1540.0), ("probe_type", "linear"), ("probe_radius", 0.0)):
        if getattr(spec, name) != default:
            given[name] = getattr(spec, name)
    # the published network's strain is the slope over this window; the live one chooses its own
    for name, window in (("axial_window", AXIAL_WINDOW), ("lateral_window", LATERAL_WINDOW)):
        if getattr(spec, name) != window:
            given[name] = getattr(spec, name) * 1e3
    words = ((f"--{name.replace('_', '-')}", _word(value)) for name, value in given.items())
    return ("engine", "build", *(word for pair in words for word in pair))


def build_command(subject: Subject) -> str:
    """The command line that builds an engine."""
    return shlex.join(("musse-stream", *build_arguments(subject)))


def _word(value: str | float) -> str:
    return value if isinstance(value, str) else repr(value).removesuffix(".0")
