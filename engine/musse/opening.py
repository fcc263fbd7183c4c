"""Open the engines that run the whole frame on an NVIDIA card."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from engine.errors import EngineUnavailable
from engine.estimator import Estimator
from engine.musse.artefact.build import load_module
from engine.musse.artefact.subject import Subject
from engine.musse.checkpoint import load, load_published
from engine.musse.device.chain import DeviceChain
from engine.musse.device.plan import Replace, Runner, unchanged
from engine.musse.device.published import DevicePublished
from engine.musse.device.step import GraphStep
from engine.musse.estimator import MusseEstimator
from engine.musse.manifest import read_manifest
from engine.musse.program import LiveProgram
from engine.musse.published import PublishedEstimator
from engine.musse.published_chain import HostPublished
from engine.musse.runtimes.tensorrt_package import require_package
from engine.spec import Device, EngineSpec, Policy
from engine.tracking.iq import IqGrid
from engine.tracking.torch_device import has_card, torch_device
from engine.user_cache import engines_folder


def opener_of(name: str, weights: Path, policy: Policy) -> Callable[[EngineSpec, Device], Estimator]:
    """What opens engine `name` with these weights: "cuda", "tensorrt", or "best".

    The best is `tensorrt` on each working grid that a verified engine fits, and `cuda` on others.

    Raises EngineUnavailable with everything that is missing here. What it returns raises EngineUnavailable
    where the frame cannot be captured; with "tensorrt" also EngineNotBuilt, for an acquisition that no
    verified engine was built for.
    """
    missing = []
    if name == "tensorrt" and (lacking := _without_package()):
        missing.append(lacking)
    if not has_card():
        missing.append("needs an NVIDIA card and a CUDA build of PyTorch, and finds none: use engine onnx")
    if missing:
        engine = "cuda" if name == "best" else name
        raise EngineUnavailable(f"engine {engine!r} {'; it also '.join(missing)}")
    published = read_manifest(weights).kind == "paper"
    if published and policy != "fp32":
        raise EngineUnavailable(f"the published network computes in fp32 only, not in {policy}")

    def opened(spec: EngineSpec, device: Device = "cuda") -> Estimator:
        compiled = _compiled(spec, weights, policy)
        replace = {"tensorrt": compiled, "cuda": unchanged, "best": _or_plain(compiled)}[name]
        first, cuda = "tensorrt" if name == "tensorrt" else "cuda", torch_device("cuda")
        if published:
            net, manifest = load_published(weights)
            chain = DevicePublished(
                spec, net, manifest, name=first, device=cuda, make_step=GraphStep, replace=replace
            )
            return PublishedEstimator(spec, chain)
        live, manifest = load(weights)
        program = LiveProgram(live)
        return MusseEstimator(
            spec,
            DeviceChain(
                spec,
                program,
                manifest,
                name=first,
                policy=policy,
                device=cuda,
                make_step=GraphStep,
                replace=replace,
            ),
        )

    return opened


def published_opener(weights: Path) -> Callable[[EngineSpec, Device], Estimator]:
    """What opens the published network in PyTorch, on any device. Raises EngineUnavailable."""
    read_manifest(weights)

    def opened(spec: EngineSpec, device: Device = "cpu") -> Estimator:
        net, manifest = load_published(weights)
        on = torch_device(device)
        return PublishedEstimator(spec, HostPublished(spec, net.to(on), manifest, on))

    return opened


def _without_package() -> str:
    """Why torch-tensorrt cannot be used here, as the end of a sentence about the engine; "" where it can."""
    try:
        require_package()
    except EngineUnavailable as error:
        return str(error).removeprefix("engine 'tensorrt' ").removeprefix("engine 'tensorrt': ")
    return ""


def _compiled(spec: EngineSpec, weights: Path, policy: Policy) -> Replace:
    """Puts the verified engine of each working grid in place of its pair program."""

    def replace(pair: nn.Module, inputs: tuple[Tensor, ...], grid: IqGrid) -> Runner:
        subject = Subject(spec=spec, carrier=grid.frequency, policy=policy, weights=weights)
        loaded = load_module(subject, engines_folder(), pair, inputs)
        return Runner(loaded.module, "tensorrt", f"compiled engine {loaded.name}, verified on this card")

    return replace


def _or_plain(compiled: Replace) -> Replace:
    """The same where there is such an engine; elsewhere the pair program itself, with the reason."""

    def replace(pair: nn.Module, inputs: tuple[Tensor, ...], grid: IqGrid) -> Runner:
        if lacking := _without_package():
            return Runner(pair, "cuda", f"not tensorrt: it {lacking}")
        try:
            return compiled(pair, inputs, grid)
        except EngineUnavailable as error:
            return Runner(pair, "cuda", f"not tensorrt: {error}")

    return replace
