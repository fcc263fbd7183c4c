"""Prepares the pair that is likely next while the network computes the one before, on another core.

Nothing waits for it and no result depends on it: a pair that was foreseen takes less time, that is all.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final, Self

from streamer.frame import RfFrame
from streamer.pairing import FramePair, Pairing
from streamer.ring import FrameRing
from streamer.step import StrainStep
from streamer.stopwatch import Stopwatch

STAGE: Final = "infer"
"""The stage that leaves a core free."""
MISSES: Final = 2
"""Pairs in a row that may fail to come as foreseen: frames then arrive faster than they can be prepared."""
LONGEST_PAUSE: Final = 15
"""Pairs without foresight after more than `MISSES`."""
POLL: Final = 0.02  # s; how soon the thread notices that it is too late to begin
LOOK: Final = 0.002  # s between looks for a newer frame than the one prepared


@dataclass(frozen=True, slots=True, eq=False)
class _Current:
    """What the main thread computes."""

    step: StrainStep
    pair: FramePair


class Foresight:
    """Owns a thread that prepares the newest pair while one is computed; idle on a single core."""

    def __init__(self, ring: FrameRing, pairing: Pairing) -> None:
        self._ring = ring
        self._pairing = pairing
        self._requests: SimpleQueue[_Current | None] = SimpleQueue()
        self._current: _Current | None = None
        self._foreseen: FramePair | None = None
        self._misses = self._pause = self._left = 0
        self._useful = _cores() > 1
        self._thread = threading.Thread(target=self._run, name="foresight", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End the thread; takes as long as it still prepares a pair."""
        self._current = None
        self._requests.put(None)
        self._thread.join()

    def beside(self, step: StrainStep, pair: FramePair) -> Stopwatch:
        """What to measure this pair with: while its network runs, the next one is prepared. Main thread."""
        return _Watch(self, _Current(step, pair))

    @contextmanager
    def preparing(self, current: _Current) -> Iterator[None]:
        """Prepare the next pair while this block runs."""
        if self._worth(current.pair):
            self._current = current
            self._requests.put(current)
        try:
            yield
        finally:
            self._current = None  # what is not begun by now, the main thread does itself

    def _worth(self, pair: FramePair) -> bool:
        """Whether pairs come as foreseen; after ones that did not, only from time to time."""
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None:
            came = foreseen.pre is pair.pre and foreseen.post is pair.post
            self._misses = 0 if came else self._misses + 1
            few = self._misses <= MISSES
            self._left = self._pause = 0 if few else min(2 * self._pause + 1, LONGEST_PAUSE)
        self._left -= 1
        return self._useful and self._left < 0

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            newest: RfFrame | None = None
            while self._current is request:
                pair = self._ring.foreseen(self._pairing.likely, timeout=POLL)
                if pair is None:
                    continue
                try:
                    if pair.post is not newest:
                        self._prepare(request, pair)
                finally:
                    self._ring.let_go(pair)
                newest = pair.post
                time.sleep(LOOK)

    def _prepare(self, request: _Current, pair: FramePair) -> None:
        acquisition = request.pair.post.header.acquisition
        if pair.pre is None or self._current is not request or pair.post.header.acquisition != acquisition:
            return
        self._foreseen = pair
        request.step.foresee(pair)


class _Watch(Stopwatch):
    """A stopwatch that has the next pair prepared during one of its stages."""

    def __init__(self, foresight: Foresight, current: _Current) -> None:
        super().__init__()
        self._foresight, self._current = foresight, current

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time one stage."""
        with super().__call__(stage):
            if stage != STAGE:
                yield
                return
            with self._foresight.preparing(self._current):
                yield


def _cores() -> int:
    """Cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1
