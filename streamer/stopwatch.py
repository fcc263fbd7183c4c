"""Measures the stages of one frame."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """`with watch("infer"):` adds to `watch.seconds["infer"]`. One thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time one stage."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begun
