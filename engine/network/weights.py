"""Weights in files: safetensors beside a manifest that says what they are. No pickle, and none is read.

NAME.safetensors     the tensors
NAME.json            configuration, SHA-256 of the tensors' file, how they were trained
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.errors import EngineUnavailable
from engine.network.configuration import UsseConfiguration
from engine.network.live import LiveNet
from engine.network.musse import MusseNet

FORMAT: Final = "musse-weights"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a weights file holds."""

    kind: str
    """live or paper."""
    configuration: UsseConfiguration
    sha256: str
    """Of the safetensors file: the `model_hash` of every result."""
    trained: Mapping[str, Any]
    """Recipe, steps, versions."""


def save(net: LiveNet | MusseNet, path: Path, *, trained: Mapping[str, Any]) -> Manifest:
    """Write NAME.safetensors and NAME.json; both appear only when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, part)
    manifest = Manifest(
        kind="live" if isinstance(net, LiveNet) else "paper",
        configuration=net.trunk.configuration if isinstance(net, LiveNet) else net.configuration.stage,
        sha256=_digest(part),
        trained=dict(trained),
    )
    text = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(manifest)}
    described = path.with_suffix(".json.part")
    described.write_text(json.dumps(text, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)
    described.replace(path.with_suffix(".json"))
    return manifest


def read_manifest(path: Path) -> Manifest:
    """The manifest of a weights file. Raises EngineUnavailable: it is missing, foreign, or of other bytes."""
    described = path.with_suffix(".json")
    try:
        raw = json.loads(described.read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT or raw.pop("format_version") != FORMAT_VERSION:
            raise EngineUnavailable(f"{described} is no manifest of weights of this version")
        choices = raw.pop("configuration")
        choices = {k: tuple(v) if isinstance(v, list) else v for k, v in choices.items()}
        manifest = Manifest(configuration=UsseConfiguration(**choices), **raw)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(
            f"weights {path}: no usable manifest {described.name} ({error}); both files belong together"
        ) from error
    try:
        digest = _digest(path)
    except OSError as error:
        raise EngineUnavailable(f"weights {path} cannot be read: {error}") from error
    if digest != manifest.sha256:
        raise EngineUnavailable(f"weights {path} are not what {described.name} describes: copy both anew")
    return manifest


def load(path: Path) -> tuple[LiveNet, Manifest]:
    """The network of a weights file, ready to run. Raises EngineUnavailable."""
    manifest = read_manifest(path)
    if manifest.kind != "live":
        raise EngineUnavailable(f"weights {path} are of the {manifest.kind} network, which does not run live")
    net = LiveNet(manifest.configuration)
    try:
        net.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise EngineUnavailable(f"weights {path} do not fit their configuration: {error}") from error
    net.eval()
    return net, manifest


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
