"""Open an estimator by its name."""

import os
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

from engine.errors import EngineUnavailable
from engine.estimator import Estimator
from engine.spec import EngineSpec

Device: TypeAlias = Literal["cpu", "cuda"]

ENGINES: Final[dict[str, str]] = {
    "reference": "classical phase tracking on IQ, any CPU or CUDA device",
    "trivial": "average strain of the whole frame, for tests and for measuring the node",
}
AUTO: Final = ("reference",)  # in the order in which `auto` prefers them


def resolve(name: str) -> tuple[str, str]:
    """The engine that `name` stands for on this machine, and one sentence why.

    Raises EngineUnavailable for a name that does not exist.
    """
    if name == "auto":
        return AUTO[0], f"auto: {AUTO[0]}, the best engine of this release"
    if name not in ENGINES:
        raise EngineUnavailable(f"no engine {name!r}; known: auto, {', '.join(ENGINES)}")
    return name, f"{name}: as asked"


def load(name: str, threads: int = 1) -> Callable[[EngineSpec, Device], Estimator]:
    """Import the engine behind `name` and return what opens it; takes seconds where it imports torch.

    `threads` is how many CPU threads torch may use from now on in this process; 0 leaves its choice. One
    takes half the time of two on a 2-core machine (20 against 38 ms a pair), and results are equal bit by bit
    only for an equal number.
    Raises EngineUnavailable where it cannot run here.
    """
    resolved, _ = resolve(name)
    if resolved == "trivial":
        from engine.trivial import TrivialEstimator

        return TrivialEstimator
    # read when torch loads its OpenMP: spinning threads made a pair 20 times slower on a busy machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from engine.reference import ReferenceEstimator

    if threads:
        torch.set_num_threads(threads)
    return ReferenceEstimator


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
    axial_window: float = 2.0e-3,
    lateral_window: float = 1.0e-3,
    device: Device = "cpu",
    threads: int = 1,
) -> Estimator:
    """An estimator for frames of `shape` (n_axial, n_lateral); SI units throughout, see `EngineSpec`.

    Raises EngineUnavailable where the named engine cannot run here, InvalidAcquisition for impossible
    constants. Takes from milliseconds to seconds: the first call imports the engine's libraries.
    """
    if device not in get_args(Device):
        raise EngineUnavailable(f"no device {device!r}; known: {', '.join(get_args(Device))}")
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
    return load(name, threads)(spec, device)
