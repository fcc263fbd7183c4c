"""The network beside the yardstick: both programs and the whole engine, turn by turn in one process.

Times are of the processor, not of the clock: a busy machine then disturbs all of them alike, and turns make
what is left (caches, frequency) the same for each.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from engine.factory import load, weights_file
from engine.musse.chain import HostChain
from engine.musse.runtimes.onnx import OnnxRuntime, silent_onnxruntime
from engine.spec import EngineSpec, FloatArray
from tools.bench.yardstick import SHAPE, Yardstick, onnx_of, yardstick_inputs
from tools.machine import machine

PACKAGES = ("musse-stream", "torch", "onnxruntime", "numpy")
WARM_UP = 3
STRAIN = 0.01
MAX_RATIOS: Final = {"program_over_yardstick": 0.25}
"""Acceptance criteria: upper limits of ratios at the default size and one thread."""


def pressed(spec: EngineSpec) -> tuple[FloatArray, FloatArray]:
    """Speckle, and the same pressed together by `STRAIN`."""
    n_axial, n_lateral = spec.shape
    cycles = spec.center_frequency / spec.sampling_frequency * np.arange(-20, 21)
    pulse = 1000 * np.hanning(41) * np.cos(2 * np.pi * cycles)
    noise = np.random.default_rng(1).normal(size=(n_lateral, n_axial))
    depth = np.arange(n_axial)
    lines = [np.convolve(line, pulse, "same") for line in noise]
    squeezed = [np.interp(depth * (1 + STRAIN), depth, line) for line in lines]
    return np.array(lines, np.float32).T, np.array(squeezed, np.float32).T


def measure_ratios(
    *, threads: int, runs: int, weights: Path | None = None, shape: tuple[int, int] = SHAPE
) -> dict[str, Any]:
    """Best and median milliseconds of each, and their ratios to the yardstick. Takes a minute or two.

    Raises EngineUnavailable where ONNX Runtime or the program is missing.
    """
    spec = EngineSpec(shape=shape, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
    chosen = weights_file(weights)
    engine = load("onnx", threads, chosen)(spec, "cpu")
    runtime = OnnxRuntime(chosen.with_suffix(".onnx"), threads)
    frames = pressed(spec)
    inputs, _ = HostChain(spec, runtime).inputs(*frames)

    def whole(turn: int) -> None:
        engine.step(frames[turn % 2], frames[1 - turn % 2])  # a sequence: the last post is the next pre

    times = _by_turns(
        {
            "yardstick": _yardstick(threads, shape),
            "program": lambda turn: runtime.run(inputs),
            "engine": whole,
        },
        runs,
    )
    best = {name: min(values) for name, values in times.items()}
    ratios = {
        f"{name}_over_yardstick": round(best[name] / best["yardstick"], 3) for name in ("program", "engine")
    }
    return {
        **{f"{name}_min_ms": round(value, 2) for name, value in best.items()},
        **{f"{name}_p50_ms": round(float(np.median(values)), 2) for name, values in times.items()},
        **ratios,
        "max_ratios": MAX_RATIOS,
        "met": all(ratios[name] <= most for name, most in MAX_RATIOS.items()),
        "shape": list(shape),
        "threads": threads,
        "runs": runs,
        "environment": machine(PACKAGES),
    }


def _yardstick(threads: int, shape: tuple[int, int]) -> Callable[[int], object]:
    torch.manual_seed(0)
    frames, state = yardstick_inputs(shape)
    onnxruntime = silent_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # idle threads must not spin: on a busy machine they take the cores from whoever works
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    file = onnx_of(Yardstick(), (frames, state))
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = (argument.name for argument in session.get_inputs())
    feeds = dict(zip(names, (part.numpy() for part in (frames, *state)), strict=True))
    return lambda turn: session.run(None, feeds)


def _by_turns(tasks: dict[str, Callable[[int], object]], runs: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(WARM_UP + runs):
        for name, task in tasks.items():
            begun = time.process_time()
            task(turn)
            times[name].append((time.process_time() - begun) * 1e3)
    return {name: values[WARM_UP:] for name, values in times.items()}
