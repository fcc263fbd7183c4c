"""Open the engines that run the whole frame on an NVIDIA card."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from engine.errors import EngineUnavailable
from engine.musse.artefact.build import load_module
from engine.musse.artefact.subject import Subject
from engine.musse.checkpoint import load
from engine.musse.device.chain import DeviceChain
from engine.musse.device.frame_program import PairProgram
from engine.musse.device.plan import Replace, Runner, unchanged
from engine.musse.device.step import GraphStep
from engine.musse.estimator import MusseEstimator
from engine.musse.program import LiveProgram
from engine.musse.runtimes.tensorrt import require_package
from engine.spec import Device, EngineSpec, Policy
from engine.tracking.iq import IqGrid
from engine.tracking.torch_device import has_card, torch_device
from engine.user_cache import engines_folder


def opener_of(name: str, weights: Path, policy: Policy) -> Callable[[EngineSpec, Device], MusseEstimator]:
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
    net, manifest = load(weights)

    def opened(spec: EngineSpec, device: Device = "cuda") -> MusseEstimator:
        compiled, or_plain = _compiled(spec, weights, policy), _best(spec, weights, policy)
        chain = DeviceChain(
            spec,
            LiveProgram(net),
            manifest,
            name="tensorrt" if name == "tensorrt" else "cuda",
            policy=policy,
            device=torch_device("cuda"),
            make_step=GraphStep,
            replace={"tensorrt": compiled, "cuda": unchanged, "best": or_plain}[name],
        )
        return MusseEstimator(spec, chain)

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

    def replace(pair: PairProgram, inputs: tuple[Tensor, ...], grid: IqGrid) -> Runner:
        subject = Subject(spec=spec, carrier=grid.frequency, policy=policy, weights=weights)
        loaded = load_module(subject, engines_folder(), pair, inputs)
        return Runner(loaded.module, "tensorrt", f"compiled engine {loaded.name}, verified on this card")

    return replace


def _best(spec: EngineSpec, weights: Path, policy: Policy) -> Replace:
    """The same where there is such an engine; elsewhere the pair program itself, with the reason."""
    compiled = _compiled(spec, weights, policy)

    def replace(pair: PairProgram, inputs: tuple[Tensor, ...], grid: IqGrid) -> Runner:
        if lacking := _without_package():
            return Runner(pair, "cuda", f"not tensorrt: it {lacking}")
        try:
            return compiled(pair, inputs, grid)
        except EngineUnavailable as error:
            return Runner(pair, "cuda", f"not tensorrt: {error}")

    return replace
