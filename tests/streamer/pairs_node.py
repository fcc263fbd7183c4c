"""Ring, pairing and pairs in work as the node has them, with pairs that end when a test lets them."""

import threading
import time
from collections.abc import Callable
from typing import Any

from streamer.config import PairingConfig
from streamer.pairing import FramePair, Pairing
from streamer.pairs_in_work import PairInWork, PairsInWork
from streamer.ring import FrameRing
from streamer.stopping import Stop
from tests.streamer.strain_headers import strain_header
from tests.streamer.test_ring import put

PATIENCE = 20.0  # s, far beyond what any step takes on a busy machine


class Steps:
    """In place of a `StrainStep`: each pair ends when its event is set, and yields its post's index."""

    def __init__(self) -> None:
        self.epoch = 0
        self.begun: list[int] = []
        self.alone: set[int] = set()
        self.resets: set[int] = set()
        self.ends: dict[int, threading.Event] = {}
        self.fails: set[int] = set()

    def begin(self, pair: FramePair, watch: object) -> Callable[[], int] | None:
        index = pair.post.header.frame_index
        if pair.pre is None or index in self.alone:
            return None
        self.begun.append(index)
        if index in self.fails:
            raise ValueError(f"pair {index}")
        end, epoch = self.ends.setdefault(index, threading.Event()), self.epoch

        def compute() -> int:
            assert end.wait(PATIENCE)
            return 100 * epoch + index

        return compute

    def run(self, pair: FramePair, watch: object, estimate: Callable[[], int] | None) -> Any:
        index = pair.post.header.frame_index
        try:
            value: Any = 100 * self.epoch + index if estimate is None else estimate()
        except ValueError as error:
            value = str(error)
        self.epoch += index in self.resets
        return value


class Node:
    """Ring, pairing and pairs in work as the node has them, with what was published."""

    def __init__(self, pairs: int, **pairing: Any) -> None:
        config = PairingConfig(**{"mode": "stride", "stride": 1, **pairing})
        self.steps, self.published = Steps(), list[Any]()
        self.waited: list[float | None] = []
        self.overwritten = 0
        every = config.policy == "every"
        self.ring = FrameRing(2**20, 1, pairs=pairs, keep_all=every, on_overwritten=self._count)
        self.work = PairsInWork(config, self.ring, Pairing(config), lambda post: self.steps, self._publish)  # type: ignore[arg-type, return-value]
        self.stop, self.turns = Stop(), 0
        self._thread = threading.Thread(target=self.work.run, args=(self.stop, self._turn))

    def _count(self, count: int) -> None:
        self.overwritten += count

    def _turn(self) -> float:
        self.turns += 1
        return 0.01

    def _publish(self, work: PairInWork) -> Any:
        self.published.append(work.run())
        self.waited.append(work.watch.seconds.get("turn"))
        return Outcome

    def send(self, *indices: int) -> None:
        """Frames, each taken before the next is sent."""
        for index in indices:
            put(self.ring, index)
            wait_for(lambda: self.ring.waiting() == 0)

    def end(self, *indices: int) -> None:
        """Let these pairs end."""
        for index in indices:
            self.steps.ends.setdefault(index, threading.Event()).set()

    def __enter__(self) -> "Node":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(*self.steps.ends)
        self.stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


class Outcome:
    header = strain_header()


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)
