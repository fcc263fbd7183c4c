"""Scenes on disk, made by processes of their own while training goes on, and kept for the next run.

A scene is named by its number, and a simple one as such, and never changes: a training that is resumed sees
the same ones in the same order, however fast they were made. The first run pays for them; others find them.
"""

import logging
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import EngineError, EstimateFailed
from engine.training.data.samples import Samples, load, make_samples, save
from engine.training.data.scenes import draw_scene, in_share

POLL = 0.05  # s
MAX_ATTEMPTS = 5
LIMIT = 4096  # scenes kept in memory, about 1.4 MB each

log = logging.getLogger(__name__)


class PoolFailed(EngineError):
    """A process that makes scenes has ended; the message names the scene it was at."""


@dataclass
class PoolFigures:
    """How generation keeps up."""

    waited: float = 0.0
    """s that training stood still for scenes."""


class ScenePool:
    """Scenes `first` to `first` + `count` - 1 in `folder`. A context manager: its processes end with it.

    `simple`: share, in twentieths, that `draw_scene` draws so.
    """

    def __init__(
        self, folder: Path, *, first: int, count: int, workers: int = 1, simple: float = 0.0
    ) -> None:
        self.first, self.count, self.simple = first, count, simple
        self.figures = PoolFigures()
        self._folder = folder
        self._workers = workers
        self._processes: list[BaseProcess] = []
        self._cache: OrderedDict[int, Samples] = OrderedDict()
        folder.mkdir(parents=True, exist_ok=True)

    def scene(self, index: int) -> Samples:
        """The samples of scene `first` + `index`, waiting until they are made. Raises PoolFailed."""
        number = self.first + index
        if number in self._cache:
            return self._cache[number]
        path = scene_path(self._folder, number, simple=self.simple)
        begun = time.monotonic()
        self._wait_for(path)
        self.figures.waited += time.monotonic() - begun
        samples = load(path)
        self._cache[number] = samples
        if len(self._cache) > LIMIT:
            self._cache.popitem(last=False)
        return samples

    def _wait_for(self, path: Path) -> None:
        while True:
            # each once, and before the file: a process that has ended well has left it
            codes = [process.exitcode for process in self._processes]
            if path.exists():
                return
            for code in codes:
                if code not in (None, 0):
                    raise PoolFailed(f"making scenes ended with exit code {code} before {path.name}")
            if None not in codes:
                raise PoolFailed(f"{path} is missing and no process makes it")
            time.sleep(POLL)

    def __enter__(self) -> Self:
        missing = any(
            not scene_path(self._folder, self.first + i, simple=self.simple).exists()
            for i in range(self.count)
        )
        if missing:
            context = get_context("spawn")  # fork copies torch's threads in an unusable state
            self._processes = [
                context.Process(
                    target=make_scenes,
                    args=(
                        self._folder,
                        self.first + offset,
                        self.first + self.count,
                        self._workers,
                        self.simple,
                    ),
                    daemon=True,
                )
                for offset in range(self._workers)
            ]
            with _deaf_to_ctrl_c():
                for process in self._processes:
                    process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
            process.close()
        self._processes = []


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C, which a terminal sends to all: their parent ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where signals cannot be set none is set
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def scene_path(folder: Path, number: int, *, simple: float = 0.0) -> Path:
    """Where a scene's samples are kept; `simple` is the share of simple ones."""
    return folder / f"{number:07d}{'-simple' if in_share(number, simple) else ''}.npz"


def make_scenes(folder: Path, first: int, end: int, step: int, simple: float = 0.0) -> None:
    """Make scenes `first`, `first` + `step`, ... below `end` that are not there yet. A process's target."""
    import torch

    torch.set_num_threads(1)
    parent = parent_process()
    for number in range(first, end, step):
        if parent is not None and not parent.is_alive():
            return  # a training that was killed could not end its processes
        path = scene_path(folder, number, simple=simple)
        if not path.exists():
            save(_samples_of(number, simple=in_share(number, simple)), path)


def _samples_of(number: int, *, simple: bool) -> Samples:
    """Samples of a scene; drawn again where its frames have no carrier, as one in some thousands has."""
    for attempt in range(MAX_ATTEMPTS):
        try:
            return make_samples(draw_scene(number, attempt=attempt, simple=simple))
        except EstimateFailed as error:
            log.warning("scene %d is drawn again: %s", number, error)
    raise PoolFailed(f"scene {number} was drawn {MAX_ATTEMPTS} times and never could be tracked")
