"""Slow work beside the main thread, so that status keeps flowing; engines are compiled on the way."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

from engine.errors import EngineError, EngineNotBuilt
from streamer.health import Health
from streamer.stopping import Stop, StopRequested

Compile: TypeAlias = Callable[[Sequence[str], Callable[[str], None]], None]
"""Runs `musse-stream` with these arguments, which compiles an engine, and calls back with each step that
begins. Blocks for minutes. Raises EngineError with the reason where no engine came of it."""
BUILDING_AT_MOST: Final = 120.0
"""s to load libraries from a slow disk, build an estimator and try it; a compiler may take longer."""
T = TypeVar("T")

log = logging.getLogger(__name__)


class Beside:
    """Runs one task at a time in a thread of its own; the state is BUILDING meanwhile. Main thread.

    A compiled engine that a task lacks is built by `compile_engine`, and the task is repeated; without that
    the task fails. `on_turn` is promised a next call within so many s.
    """

    def __init__(
        self,
        compile_engine: Compile | None,
        health: Health,
        on_turn: Callable[[float], None] = lambda within: None,
    ) -> None:
        self._compile = compile_engine
        self._health = health
        self._on_turn = on_turn
        self._task: Future[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether a task runs still: a process should not wait for it."""
        return self._task is not None and not self._task.done()

    @contextmanager
    def building(self) -> Iterator[None]:
        """The state is BUILDING within this block."""
        self._on_turn(BUILDING_AT_MOST)
        self._health.building = True
        try:
            yield
        finally:
            self._health.building, self._health.progress = False, ""

    def run(self, task: Callable[[], T], stop: Stop, while_waiting: Callable[[], None]) -> T:
        """The result of `task`. Raises what it raises, StopRequested where the run is to end meanwhile."""

        def turn() -> None:
            while_waiting()
            if self._health.progress:  # a compiler takes minutes; its process ends by itself
                self._on_turn(BUILDING_AT_MOST)

        self._task = running = start(lambda: self._with_engine(task))
        wait(running, stop, turn)
        return running.result()

    def _with_engine(self, task: Callable[[], T]) -> T:
        try:
            return task()
        except EngineNotBuilt as lacking:
            if self._compile is None:
                raise
            log.warning("%s; it is built beside the stream", lacking)
            self._report("starting")
            try:
                self._compile(lacking.arguments, self._report)
            except EngineError as error:
                reason = f"no engine could be compiled for this acquisition: {error}"
                raise EngineNotBuilt(reason, lacking.arguments) from error
            finally:
                self._health.progress = ""
            return task()

    def _report(self, step: str) -> None:
        self._health.progress = f"an engine is compiled for this acquisition: {step}"


def start(task: Callable[[], T], name: str = "engine-builder") -> "Future[T]":
    """Run a task in a thread that never keeps the process alive."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(task())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks for the result
            future.set_exception(error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return future


def wait(future: "Future[T]", stop: Stop, meanwhile: Callable[[], None]) -> None:
    """Wait for the result without blocking the status; raises StopRequested when the run is to end."""
    while not future.done():
        meanwhile()
        if stop.wait(0.02):
            raise StopRequested
