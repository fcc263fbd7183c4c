"""Open the engines that run the whole frame on an NVIDIA card: `cuda` and `tensorrt`."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from engine.errors import EngineUnavailable
from engine.musse.artefact.build import Subject, load_module
from engine.musse.checkpoint import load
from engine.musse.device.chain import DeviceChain
from engine.musse.device.frame_program import PairProgram
from engine.musse.device.plan import Replace, unchanged
from engine.musse.device.step import GraphStep
from engine.musse.estimator import MusseEstimator
from engine.musse.program import LiveProgram
from engine.musse.runtimes.tensorrt import require_package
from engine.spec import Device, EngineSpec, Policy
from engine.tracking.iq import IqGrid
from engine.tracking.torch_device import has_card, torch_device
from engine.user_cache import engines_folder


def opener_of(name: str, weights: Path, policy: Policy) -> Callable[[EngineSpec, Device], MusseEstimator]:
    """What opens engine `name`, "cuda" or "tensorrt", with these weights.

    Raises EngineUnavailable with everything that is missing here. What it returns raises EngineUnavailable
    for an acquisition that no verified engine was built for, and where the frame cannot be captured.
    """
    missing = []
    if name == "tensorrt":
        try:
            require_package()
        except EngineUnavailable as error:
            missing.append(str(error).removeprefix("engine 'tensorrt' ").removeprefix("engine 'tensorrt': "))
    if not has_card():
        missing.append("needs an NVIDIA card and a CUDA build of PyTorch, and finds none: use engine onnx")
    if missing:
        raise EngineUnavailable(f"engine {name!r} {'; it also '.join(missing)}")
    net, manifest = load(weights)

    def opened(spec: EngineSpec, device: Device = "cuda") -> MusseEstimator:
        chain = DeviceChain(
            spec,
            LiveProgram(net),
            manifest,
            name=name,
            policy=policy,
            device=torch_device("cuda"),
            make_step=GraphStep,
            replace=_compiled(spec, weights, policy) if name == "tensorrt" else unchanged,
        )
        return MusseEstimator(spec, chain)

    return opened


def _compiled(spec: EngineSpec, weights: Path, policy: Policy) -> Replace:
    """Puts the verified engine of each working grid in place of its pair program."""

    def replace(pair: PairProgram, inputs: tuple[Tensor, ...], grid: IqGrid) -> nn.Module:
        subject = Subject(spec=spec, carrier=grid.frequency, policy=policy, weights=weights)
        return load_module(subject, engines_folder(), pair, inputs)

    return replace
