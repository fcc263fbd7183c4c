"""How long a frame takes on the device, measured on the host from upload to maps."""

import time
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import torch

from engine.musse.chain import Chain
from engine.spec import FrameArray

REPLAYS: Final = 10_000


def benchmark(chain: Chain, frames: Iterable[FrameArray], replays: int = REPLAYS) -> dict[str, Any]:
    """Milliseconds a pair (median, 99th percentile, largest) and how often the device allocated memory.

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
    return {
        "replays": replays,
        "median_ms": float(np.median(seconds) * 1e3),
        "p99_ms": float(np.percentile(seconds, 99) * 1e3),
        "max_ms": float(seconds.max() * 1e3),
        "allocations": _allocations() - before,
    }


def _allocations() -> int:
    """How often the device's allocator was asked; 0 without a card."""
    if not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.memory_stats().get("allocation.all.allocated", 0))
