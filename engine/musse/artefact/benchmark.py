"""How long a frame takes on the device, measured on the host from upload to maps."""

import time
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import torch

from engine.musse.artefact.recurrent import MapsOfPairs
from engine.spec import FrameArray

REPLAYS: Final = 10_000
PERCENTILES: Final = {
    "min_ms": 0.0, "p1_ms": 1.0, "p10_ms": 10.0, "median_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0,
    "p999_ms": 99.9, "max_ms": 100.0,
}  # fmt: skip
"""The distribution of a pair's time, by name."""


def benchmark(chain: MapsOfPairs, frames: Iterable[FrameArray], replays: int = REPLAYS) -> dict[str, Any]:
    """Milliseconds a pair, as percentiles and extremes, and how often the device allocated memory.

    `frames` are two frames; pre and post change places at every replay.
    """
    pre, post = frames
    chain.maps(pre, post)
    chain.maps(post, pre)
    before = _allocations()
    seconds = np.empty(replays)
    for index in range(replays):
        start = time.perf_counter()
        chain.maps(pre, post)
        seconds[index] = time.perf_counter() - start
        pre, post = post, pre
    taken = _allocations() - before
    times = dict(zip(PERCENTILES, np.percentile(seconds, list(PERCENTILES.values())) * 1e3, strict=True))
    return {"replays": replays, **{name: float(value) for name, value in times.items()}, "allocations": taken}


def _allocations() -> int:
    """How often the device's allocator was asked; 0 without a card."""
    if not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.memory_stats().get("allocation.all.allocated", 0))
