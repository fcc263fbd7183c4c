"""Open an estimator by its name."""

import os
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from engine.errors import EngineUnavailable
from engine.estimator import Estimator
from engine.spec import AXIAL_WINDOW, LATERAL_WINDOW, POLICIES, Device, EngineSpec, Policy

Opener: TypeAlias = Callable[[EngineSpec, Device], Estimator]

ENGINES: Final[dict[str, str]] = {
    "reference": "classical phase tracking on IQ, any CPU or CUDA device",
    "onnx": "MUSSE-Net on ONNX Runtime: the fast form for a CPU",
    "eager": "MUSSE-Net in PyTorch, any CPU or CUDA device",
    "cuda": "MUSSE-Net with tracking on an NVIDIA card, as one CUDA graph",
    "tensorrt": "the same with the network compiled by TensorRT: `musse-stream engine build`",
    "trivial": "average strain of the whole frame, for tests and for measuring the node",
}
MUSSE: Final = ("onnx", "eager")
ON_CARD: Final = ("cuda", "tensorrt")  # the network too, where there is a card
WITH_HALF: Final = ("eager", *ON_CARD)  # those that can compute in half precision where the policy allows it
BEST_ON_CARD: Final = "best"  # of the two, for each working grid
ANY: Final = ("auto", "musse")
"""Names that stand for one of several engines."""
SHIPPED: Final = ("live", "paper")
"""Names of the weights that come with the package."""


def resolve(
    name: str, weights: Path | None = None, spec: EngineSpec | None = None, device: Device = "cpu"
) -> tuple[str, str]:
    """The engine that `name` stands for with these weights on this device, and one sentence why.

    `musse` is the network on the first of these that can run there:

        device cpu     onnx; eager for the published network
        device cuda    tensorrt where an engine verified on this card fits the working grid, else cuda;
                       eager for IQ

    Which of `tensorrt` and `cuda` it is shows when the carrier is measured: `Estimator.name` and `note`; here
    it is `cuda`. `auto` is `musse` inside the range that its weights were trained on, else the classical
    engine: it stays `auto` until `spec` is given. No name builds an engine.

    Raises EngineUnavailable for a name that does not exist.
    """
    if name == "auto":
        return (
            ("auto", "auto: decided for each acquisition") if spec is None else _best(spec, weights, device)
        )
    if name == "musse" and device == "cpu" and weights is not None and _kind(weights) == "paper":
        return "eager", "musse: eager, because the published network has no program for other runtimes"
    if name == "musse" and device != "cpu" and spec is not None and spec.kind != "rf":
        return "eager", f"musse: eager, because the whole frame runs on a card for RF only, not {spec.kind}"
    if name == "musse" and device != "cpu":
        return "cuda", "musse: the whole frame on the card"
    if name == "musse":
        return MUSSE[0], f"musse: {MUSSE[0]}, the fastest runtime on a CPU"
    if name not in ENGINES:
        raise EngineUnavailable(f"no engine {name!r}; choose one of: {', '.join((*ANY, *ENGINES))}")
    return name, f"{name}: as asked"


def _best(spec: EngineSpec, weights: Path | None, device: Device) -> tuple[str, str]:
    from engine.musse.manifest import read_manifest

    trusted = read_manifest(weights_file(weights)).trusted_range
    objection = "weights without a stated range" if trusted is None else trusted.objection(spec)
    if objection is not None:
        return "reference", f"auto: reference, because the network is not trusted here: {objection}"
    engine, why = resolve("musse", weights, spec, device)
    return engine, f"auto: {why.removeprefix('musse: ')}"


def shipped_weights(name: str = "live") -> Path:
    """The weights of this name that come with the package; a program lies beside `live` as .onnx."""
    return Path(str(files("engine.musse"))) / "weights" / f"{name}.safetensors"


def weights_file(weights: Path | None) -> Path:
    """The file that `weights` stands for: a path, a name of `SHIPPED`, or None for `live`.

    Raises EngineUnavailable for a word that is neither.
    """
    if weights is None:
        return shipped_weights()
    if weights.suffix or len(weights.parts) > 1:
        return weights
    if weights.name not in SHIPPED:
        raise EngineUnavailable(
            f"no weights {weights.name!r} come with the package: give a .safetensors file, or one of "
            f"{', '.join(SHIPPED)}"
        )
    return shipped_weights(weights.name)


def _kind(weights: Path) -> str:
    from engine.musse.manifest import read_manifest

    return read_manifest(weights_file(weights)).kind


def load(name: str, threads: int = 1, weights: Path | None = None, policy: Policy = "fp32") -> Opener:
    """Import the engine behind `name` and return what opens it; takes seconds where it imports torch.

    `threads` is how many CPU threads the engine may use from now on in this process; 0 leaves its choice. One
    takes half the time of two on a 2-core machine (20 against 38 ms a pair), and results are equal bit by bit
    only for an equal number. `weights` is a .safetensors file of the network, or a name of `SHIPPED`; None:
    `live`. `policy` is the network's precision.
    Raises EngineUnavailable where it cannot run here.
    """
    if name == "auto":
        network = load("musse", threads, weights, policy)

        def opened(spec: EngineSpec, device: Device = "cpu") -> Estimator:
            if resolve(name, weights, spec, device)[0] == "reference":
                return load("reference", threads)(spec, device)
            return network(spec, device)

        return opened
    if name == "musse":
        return _best_runtime(threads, weights, policy)
    resolved, _ = resolve(name, weights)
    if weights is not None and resolved not in (*MUSSE, *ON_CARD):
        raise EngineUnavailable(f"engine {resolved!r} takes no weights: leave them out, or use engine musse")
    if policy != "fp32" and resolved not in WITH_HALF:
        raise EngineUnavailable(
            f"engine {resolved!r} computes in fp32 only: for {policy} use engine {', '.join(WITH_HALF)}"
        )
    return _LOADERS[resolved](weights_file(weights), threads, policy)


def _best_runtime(threads: int, weights: Path | None, policy: Policy) -> Opener:
    """What opens the network on the best runtime of the device that it is opened for."""
    on_cpu, _ = resolve("musse", weights)
    loaded = load(on_cpu, threads, weights) if policy == "fp32" else None  # missing packages show at once

    def opened(spec: EngineSpec, device: Device = "cpu") -> Estimator:
        chosen, _ = resolve("musse", weights, spec, device)
        if chosen in ON_CARD:
            return _on_card(BEST_ON_CARD, weights_file(weights), threads, policy)(spec, device)
        return (loaded if loaded and chosen == on_cpu else load(chosen, threads, weights, policy))(
            spec, device
        )

    return opened


def model_hash(name: str, weights: Path | None = None) -> str | None:
    """`model_hash` of the results of engine `name`; None where it has no weights. EngineUnavailable."""
    if resolve(name, weights)[0] not in (*MUSSE, *ON_CARD):
        return None
    from engine.musse.manifest import read_manifest

    return read_manifest(weights_file(weights)).model_hash


def _trivial(weights: Path, threads: int, policy: Policy) -> Opener:
    from engine.baselines.trivial import TrivialEstimator

    return TrivialEstimator


def _reference(weights: Path, threads: int, policy: Policy) -> Opener:
    _import_torch(threads)
    from engine.reference import ReferenceEstimator

    return ReferenceEstimator


def _import_torch(threads: int) -> None:
    # read when torch loads its OpenMP: spinning threads made a pair 20 times slower on a busy machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    if threads:
        torch.set_num_threads(threads)


def _onnx(weights: Path, threads: int, policy: Policy) -> Opener:
    from engine.musse.chain import HostChain
    from engine.musse.estimator import MusseEstimator
    from engine.musse.runtimes.onnx import OnnxRuntime

    if weights.is_file() and _kind(weights) == "paper":
        raise EngineUnavailable("engine 'onnx' has no program of the published network: use engine eager")
    runtime = OnnxRuntime(weights.with_suffix(".onnx"), threads)

    def opened(spec: EngineSpec, device: Device = "cpu") -> Estimator:
        if device != "cpu":
            raise EngineUnavailable("engine 'onnx' runs on the cpu only; for 'cuda' use engine eager")
        return MusseEstimator(spec, HostChain(spec, runtime))

    return opened


def _eager(weights: Path, threads: int, policy: Policy) -> Opener:
    _import_torch(threads)
    if _kind(weights) == "paper":
        if policy != "fp32":
            raise EngineUnavailable(f"the published network computes in fp32 only, not in {policy}")
        from engine.musse.opening import published_opener

        return published_opener(weights)
    from engine.musse.chain import HostChain
    from engine.musse.estimator import MusseEstimator
    from engine.musse.runtimes.eager import EagerRuntime

    def opened(spec: EngineSpec, device: Device = "cpu") -> Estimator:
        return MusseEstimator(spec, HostChain(spec, EagerRuntime(weights, device, policy)))

    return opened


def _on_card(name: str, weights: Path, threads: int, policy: Policy) -> Opener:
    _import_torch(threads)
    from engine.musse.opening import opener_of

    return opener_of(name, weights, policy)


_LOADERS: Final[dict[str, Callable[[Path, int, Policy], Opener]]] = {
    "reference": _reference,
    "onnx": _onnx,
    "eager": _eager,
    **{name: partial(_on_card, name) for name in ON_CARD},
    "trivial": _trivial,
}


def open_estimator(
    name: str,
    *,
    shape: tuple[int, int],
    sampling_frequency: float,
    center_frequency: float,
    line_pitch: float,
    sound_speed: float = 1540.0,
    kind: Literal["rf", "iq"] = "rf",
    demodulation_frequency: float = 0.0,
    axial_window: float = AXIAL_WINDOW,
    lateral_window: float = LATERAL_WINDOW,
    device: Device = "cpu",
    threads: int = 1,
    weights: Path | str | None = None,
    policy: Policy = "fp32",
) -> Estimator:
    """An estimator for frames of `shape` (n_axial, n_lateral); SI units throughout, see `EngineSpec`.

    `weights` and `policy`: see `load`. Raises EngineUnavailable where the named engine cannot run here,
    InvalidAcquisition for impossible constants. Takes milliseconds to seconds: the first call imports the
    engine's libraries.
    """
    if device not in get_args(Device):
        raise EngineUnavailable(f"no device {device!r}; choose one of: {', '.join(get_args(Device))}")
    if policy not in POLICIES:
        raise EngineUnavailable(f"no precision {policy!r}; choose one of: {', '.join(POLICIES)}")
    spec = EngineSpec(
        shape=shape,
        sampling_frequency=sampling_frequency,
        center_frequency=center_frequency,
        line_pitch=line_pitch,
        sound_speed=sound_speed,
        kind=kind,
        demodulation_frequency=demodulation_frequency,
        axial_window=axial_window,
        lateral_window=lateral_window,
    )
    return load(name, threads, None if weights is None else Path(weights), policy)(spec, device)
