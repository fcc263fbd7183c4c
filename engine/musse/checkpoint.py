"""Weights in files: safetensors with a manifest that describes them. Pickle is neither written nor read.

NAME.safetensors     the tensors
NAME.json            configuration, SHA-256 of the tensors' file, how they were trained, how errors are shared
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialized
from torch import Tensor

from engine.errors import EngineUnavailable
from engine.musse.manifest import FORMAT, FORMAT_VERSION, Manifest, MeasuredErrors, digest, read_manifest
from engine.musse.net import LiveNet
from engine.network.musse import MusseConfiguration, MusseNet

Net = TypeVar("Net", LiveNet, MusseNet)


def save(
    net: LiveNet | MusseNet,
    path: Path,
    *,
    trained: Mapping[str, Any],
    errors: MeasuredErrors = MeasuredErrors(),  # noqa: B008 - frozen
) -> Manifest:
    """Write NAME.safetensors and NAME.json; both appear only when complete. `errors`: see `Manifest`.

    The published network is stored in half precision: 12 MB instead of 24.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.part")  # another process may write here as well
    described = part.with_suffix(".json.part")
    tensors = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    if isinstance(net, MusseNet):
        tensors = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
    try:
        _write(tensors, part, path)
        manifest = Manifest(
            kind="live" if isinstance(net, LiveNet) else "paper",
            configuration=net.trunk.configuration if isinstance(net, LiveNet) else net.configuration.stage,
            sha256=digest(part),
            trained=dict(trained),
            errors=errors,
        )
        text = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(manifest)}
        text |= text.pop("errors")
        described.write_text(json.dumps(text, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(path)
        described.replace(path.with_suffix(".json"))
    finally:
        part.unlink(missing_ok=True)
        described.unlink(missing_ok=True)
    return manifest


def _write(tensors: dict[str, Tensor], part: Path, path: Path) -> None:
    """Not by `save_file`, whose error on a full disk is none of the system's."""
    try:
        part.write_bytes(serialized(tensors))
    except OSError as error:
        error.filename = str(path)
        raise


def load(path: Path) -> tuple[LiveNet, Manifest]:
    """The live network of a weights file, ready to run. Raises EngineUnavailable."""
    manifest = read_manifest(path)
    if manifest.kind != "live":
        raise EngineUnavailable(f"weights {path} are of the {manifest.kind} network, not of the live one")
    return _loaded(path, manifest, lambda: LiveNet(manifest.configuration)), manifest


def load_published(path: Path) -> tuple[MusseNet, Manifest]:
    """The published network of a weights file, in float32 and ready to run. Raises EngineUnavailable."""
    manifest = read_manifest(path)
    if manifest.kind != "paper":
        raise EngineUnavailable(
            f"weights {path} are of the {manifest.kind} network, not of the published one"
        )

    def build() -> MusseNet:
        return MusseNet(MusseConfiguration(window=3, stage=manifest.configuration))

    return _loaded(path, manifest, build), manifest


def _loaded(path: Path, manifest: Manifest, build: Callable[[], Net]) -> Net:
    try:
        net = build()
        net.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, EngineUnavailable) as error:
        raise EngineUnavailable(f"weights {path} do not fit their configuration: {error}") from error
    return net.eval()
