"""A hard inclusion in pressed tissue, and the network in PyTorch that looks at it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.interpolate import RegularGridInterpolator

from engine.factory import shipped_weights
from engine.musse.chain import HostChain
from engine.musse.checkpoint import load
from engine.musse.estimator import MusseEstimator
from engine.musse.manifest import MeasuredErrors
from engine.musse.net import LiveNet
from engine.musse.program import LiveProgram
from engine.musse.program_io import LiveOutputs
from engine.spec import EngineSpec, FloatArray, StrainResult
from tests.engine.moved_scatterers import Pair, make_pair

SHAPE = (1600, 96)
SPEC = EngineSpec(shape=SHAPE, sampling_frequency=40e6, center_frequency=5e6, line_pitch=0.3e-3)
LINE = SPEC.line_pitch / SPEC.sample_pitch  # samples
APPLIED = -0.01
HARD = 0.4  # share of the applied strain in the inclusion
RADIUS, EDGE = 200.0, 40.0  # samples: 3.9 mm, and 0.8 mm of transition


@dataclass
class Program:
    """A network in PyTorch, without a file."""

    net: LiveNet
    name = "eager"
    precision = "float32"
    model_hash = ""
    errors = MeasuredErrors()
    at_once = False

    def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
        with torch.inference_mode():
            maps = LiveProgram(self.net.eval())(*map(torch.from_numpy, inputs))
        return LiveOutputs(*(values.numpy() for values in maps))


@cache
def trained() -> LiveNet:
    return load(shipped_weights())[0]


def strain_of(net: LiveNet, pre: Any, post: Any) -> StrainResult:
    return MusseEstimator(SPEC, HostChain(SPEC, Program(net))).step(pre, post)


def true_strain(z: Any, x: Any) -> FloatArray:
    """A hard disk in the middle."""
    distance = np.hypot(z - (SHAPE[0] - 1) / 2, (x - (SHAPE[1] - 1) / 2) * LINE)
    share = 0.5 * (1 - np.tanh((distance - RADIUS) / EDGE))
    return np.asarray(APPLIED * (1 - (1 - HARD) * share))


@cache
def inclusion(
    noise_db: float | None = None, offset: float = 0.0, lines: float = 0.0, stretch: float = 0.0
) -> Pair:
    """Pressed by `APPLIED`, moved by `offset` samples and by `lines`, and strained by `stretch`."""
    z, x = np.arange(-160.0, SHAPE[0] + 161), np.arange(-12.0, SHAPE[1] + 13)
    moved = np.cumsum(true_strain(z[:, None], x[None]), axis=0)
    moved -= moved[160]
    field = RegularGridInterpolator((z, x), moved, bounds_error=False, fill_value=None)

    def axial(at: Any, line: Any) -> Any:
        return field(np.stack(np.broadcast_arrays(at, line), axis=-1)) + offset + stretch * at

    return make_pair(axial, lateral=lambda z, x: np.full_like(z, lines), shape=SHAPE, noise_db=noise_db)


@cache
def answer(noise_db: float | None = None) -> StrainResult:
    pair = inclusion(noise_db)
    return strain_of(trained(), pair.pre, pair.post)


def inner(values: FloatArray) -> FloatArray:
    return values[8:-8, 3:-3]


def rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
