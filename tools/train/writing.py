"""The end of a training: weights, their manifest, and for the live network the program that runs them."""

import logging
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.musse.chain import HostChain
from engine.musse.checkpoint import save
from engine.musse.manifest import MeasuredErrors
from engine.musse.net import LiveNet
from engine.musse.program import export
from engine.spec import FloatArray
from engine.training.data.scenes import draw_scene
from engine.training.recipe import Recipe
from engine.training.validation.fixed_score import fixed_batches, fixed_score


def write_live(net: LiveNet, path: Path, trained: Mapping[str, Any], errors: MeasuredErrors) -> str:
    """Write `path` (.safetensors), its .json and its .onnx, about 40 s; returns the weights' SHA-256.

    `errors`: see `engine.musse.manifest.Manifest`.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which nobody needs
    net = net.cpu().eval()
    trained = {**trained, "score": fixed_score(net, fixed_batches())}
    manifest = save(net, path, trained=trained, errors=errors)
    export(net, path.with_suffix(".onnx"), _example(), weights_hash=manifest.sha256)
    return manifest.sha256


def how_trained(recipe: Recipe, step: int, **more: Any) -> dict[str, Any]:
    """The manifest's entry about a training."""
    chosen = asdict(recipe)
    del chosen["trunk"]  # the manifest holds it as the configuration
    versions = {name: version(name) for name in ("musse-stream", "torch", "numpy")}
    return {
        "recipe": chosen,
        "steps": step,
        "versions": {"python": platform.python_version()} | versions,
        **more,
    }


def _example() -> tuple[FloatArray, ...]:
    """Inputs of any one pair: the exporter needs to see one."""
    acquisition = draw_scene(0, clean=True).acquisition
    chain = HostChain(acquisition.imaging.spec, _Nowhere())
    inputs, _ = chain.inputs(acquisition.frame(0), acquisition.frame(1))
    return inputs


class _Nowhere:
    """A runtime for an estimator that only prepares."""

    name = precision = model_hash = ""
    errors = MeasuredErrors()
    at_once = False

    def run(self, inputs: tuple[FloatArray, ...]) -> Any:
        raise NotImplementedError
