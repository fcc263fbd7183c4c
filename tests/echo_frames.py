"""Frames of random scatterers that a hand presses and lets go, small enough for tests that send many."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.headers import RfHeader

SHAPE = (512, 16)


def echoes(level: float, *, shape: tuple[int, int] = SHAPE, seed: int = 0) -> NDArray[np.int16]:
    """RF of random scatterers pressed together by `level`: what was at depth z (samples) is at z (1 - level).

    From one level to a larger one by d the strain is about -d.
    """
    rng = np.random.default_rng(seed)
    frequency = rng.normal(0.12, 0.02, (48, 1))  # cycles/sample
    phase = rng.uniform(0, 2 * np.pi, (48, shape[1]))
    depth = np.arange(shape[0]) / (1 - level)
    turns = 2 * np.pi * frequency * depth
    samples: NDArray[np.float64] = np.cos(turns).T @ np.cos(phase) - np.sin(turns).T @ np.sin(phase)
    return (300 * samples).astype(np.int16)


STRAIN = 0.005
CYCLE = [echoes(STRAIN * step) for step in (0, 1, 2, 3, 2, 1)]


def cycle(index: int) -> NDArray[np.int16]:
    """Frame `index` of a hand that presses and lets go: neighbours differ by 0.5 % strain."""
    return CYCLE[index % len(CYCLE)]


def rf_header(index: int, **changes: Any) -> RfHeader:
    """The header of an echo frame."""
    fields: dict[str, Any] = {
        "source_id": "bridge",
        "session_id": "one",
        "frame_index": index,
        "t_acq": index * 20_000_000,
        "clock": "device",
        "shape": SHAPE,
        "axes": "axial,lateral",
        "dtype": "<i2",
        "kind": "rf",
        "sampling_frequency": 40e6,
        "center_frequency": 4.8e6,
        "probe_type": "linear",
        "line_pitch": 3e-4,
    }
    return RfHeader(**{**fields, **changes})
