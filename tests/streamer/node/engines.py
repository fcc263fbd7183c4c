"""Engines that misbehave on purpose."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.baselines.trivial import TrivialEstimator
from engine.errors import EstimateFailed
from engine.spec import EngineSpec, StrainResult
from streamer.builder import OpenEngine


class Scripted(TrivialEstimator):
    """The trivial engine with a hook before every estimate, and a record of the calls on its state."""

    def __init__(self, spec: EngineSpec, before: Callable[[int], None]) -> None:
        super().__init__(spec)
        self.calls: list[Any] = []
        self._before = before
        self._calls = -1

    def propose(self, *arguments: Any) -> StrainResult:
        if self.calls:  # what comes before the first reset is the warm-up
            self._calls += 1
            self._before(self._calls)
        return super().propose(*arguments)

    def commit(self, result: StrainResult) -> None:
        self.calls.append(round(float(np.median(result.axial_strain)), 3))

    def reset(self) -> None:
        self.calls.append("reset")


def scripted(before: Callable[[int], None]) -> OpenEngine:
    """An engine that calls `before(n)` ahead of its n-th pair."""
    return lambda spec: Scripted(spec, before)


def failing(on: Callable[[int], bool], error: type[Exception] = EstimateFailed) -> OpenEngine:
    """An engine that raises on the n-th pair where `on(n)`."""

    def before(pair: int) -> None:
        if on(pair):
            raise error("as the test wants it")

    return scripted(before)


class Gate:
    """An engine that waits at every pair until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def engine(self, spec: EngineSpec) -> Scripted:
        return Scripted(spec, self._wait)

    def building(self, spec: EngineSpec) -> TrivialEstimator:
        """The same, but it is the building that waits."""
        self._wait(0)
        return TrivialEstimator(spec)

    def open(self) -> None:
        self._open.set()

    def _wait(self, pair: int) -> None:
        self.reached.set()
        assert self._open.wait(20.0)
