"""Pairs in work: several at once where the engine allows it, published in the order of their frames."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final, NamedTuple

from engine.spec import StrainResult
from streamer.beside import start
from streamer.config import EngineConfig, PairingConfig
from streamer.frame import RfFrame
from streamer.pairing import FramePair, Pairing
from streamer.ring import FrameRing
from streamer.step import StrainMessage, StrainStep
from streamer.stopping import Stop, StopRequested
from streamer.stopwatch import Stopwatch
from streamer.system import allowed_cores

MOST: Final = 4
"""Pairs at the same time, unless the configuration has another number: the main thread prepares them all."""
OVERDUE: Final = 1.0
"""s after which the oldest pair is waited for, whatever else there is to do."""
FREE: Final = 0.7
"""Share of its time, on average, for which a pair has to have a core while others are in work. With less,
other work wants the cores: two at once yield at most 1.4 times the results of one, each as much later."""
LAST: Final = 0.2
"""Weight of the last pair in that average: one that had to wait changes nothing."""
ALONE_FOR: Final = 5.0
"""s for which pairs are computed one after the other where a core was missing."""


class PairInWork:
    """A pair that was taken from the ring, until its result is published. Main thread."""

    def __init__(self, pair: FramePair) -> None:
        self.pair = pair
        self.watch = Stopwatch()
        self.step: StrainStep | None = None
        self.share = 1.0
        """Of the time that its thread took, the part in which it had a core; of a pair that was run."""
        self._estimate: Future[_Estimate] | None = None
        self._begun = time.monotonic()

    def begin(self, step: StrainStep, *, alone: bool, on_done: Callable[[], None]) -> None:
        """Begin, or begin anew, in a thread of its own; where that cannot be, all is left to `run`."""
        self.step, self.watch, self._estimate = step, Stopwatch(), None
        self._begun = time.monotonic()
        self.watch.seconds["wait"] = time.perf_counter() - self.pair.post.received
        if alone:
            return
        try:
            propose = step.begin(self.pair, self.watch)
        except Exception as error:  # noqa: BLE001 - `run` meets it in the pair's turn
            self._estimate = Future()
            self._estimate.set_exception(error)
            return
        if propose is not None:
            self._estimate = start(lambda: _timed(propose), name="pair")
            self._estimate.add_done_callback(lambda _: on_done())

    def run(self) -> StrainMessage:
        """The message; computes what was not begun, waits for what was."""
        if self.step is None:
            raise AssertionError("a pair is begun before it is run")
        return self.step.run(self.pair, self.watch, self._in_turn if self._estimate else None)

    @property
    def estimates(self) -> "list[Future[_Estimate]]":
        """What runs in a thread of its own: one, or nothing."""
        return [self._estimate] if self._estimate else []

    def done(self) -> bool:
        """Whether `run` has nothing to wait for."""
        return self._estimate is None or self._estimate.done()

    def age(self) -> float:
        """s since it was begun."""
        return time.monotonic() - self._begun

    def _in_turn(self) -> StrainResult:
        if self._estimate is None:
            raise AssertionError("only of a pair that was begun")
        estimate = self._estimate.result()
        self.watch.seconds["turn"] = time.perf_counter() - estimate.ended
        self.share = estimate.share
        return estimate.result


class _Estimate(NamedTuple):
    result: StrainResult
    ended: float  # s, of perf_counter
    share: float  # of the time, with a core


def _timed(propose: Callable[[], StrainResult]) -> _Estimate:
    begun, busy = time.perf_counter(), time.thread_time()
    result = propose()
    ended = time.perf_counter()
    return _Estimate(result, ended, (time.thread_time() - busy) / max(ended - begun, 1e-6))


class PairsInWork:
    """Takes pairs from the ring and has them published, one after the other. Main thread.

    `step_for` gives the step of a post's geometry, `publish` runs a pair and sends its result. While one pair
    is computed others are begun, if the engine allows it and the next pair does not depend on how the last
    one went. Where a pair resets the step, those after it are begun anew. Where the cores are wanted by other
    work (`FREE`), pairs are computed one after the other for a while.
    """

    def __init__(
        self,
        config: PairingConfig,
        ring: FrameRing,
        pairing: Pairing,
        step_for: Callable[[RfFrame], StrainStep],
        publish: Callable[[PairInWork], StrainMessage],
    ) -> None:
        self._in_order = config.policy == "every" and pairing.follows_outcomes
        self._ring, self._pairing = ring, pairing
        self._step_for, self._publish = step_for, publish
        self._pairs: deque[PairInWork] = deque()
        self._share = 1.0
        self._alone_until = 0.0

    def __len__(self) -> int:
        """Pairs that were taken and not published."""
        return len(self._pairs)

    @property
    def busy(self) -> bool:
        """Whether a thread of a pair runs still: a process should not wait for it."""
        return any(not work.done() for work in self._pairs)

    def run(self, stop: Stop, turn: Callable[[], float]) -> None:
        """Until `stop` is set; before every pair `turn` is called, which returns how long to wait for one, s.

        All pairs that were taken are published, unless a stop signal breaks them off: then they are left.
        """
        try:
            while not stop.is_set():
                self._advance(turn(), stop)
            while self._pairs:
                self._finish()
        except StopRequested:
            wait([future for work in self._pairs for future in work.estimates], OVERDUE)

    def _advance(self, timeout: float, stop: Stop) -> None:
        """Take a pair, publish those that are done, or wait for either.

        Without room for another pair, and once the oldest is overdue, it waits as long as that takes: who
        watches the turns of the loop notices.
        """
        oldest = self._pairs[0] if self._pairs else None
        if oldest is None or (len(self._pairs) < self._most() and oldest.age() < OVERDUE):
            pair = self._ring.next_pair(self._pairing.choose, timeout)
            if pair is not None:
                self._begin(pair)
        else:
            with stop.interruptible():
                wait(oldest.estimates)
        while self._pairs and self._pairs[0].done():
            self._finish()

    def _most(self) -> int:
        alone = self._in_order or time.monotonic() < self._alone_until
        return 1 if alone else self._ring.pairs

    def _begin(self, pair: FramePair) -> None:
        work = PairInWork(pair)
        same = not self._pairs or (
            self._pairs[-1].pair.post.header.acquisition == pair.post.header.acquisition
        )
        self._pairs.append(work)
        if not same:
            self._finish_before(work)
        work.begin(self._step_for(pair.post), alone=self._most() == 1, on_done=self._ring.wake)
        if not work.estimates:
            self._finish_before(work)

    def _finish_before(self, work: PairInWork) -> None:
        while self._pairs[0] is not work:
            self._finish()

    def _finish(self) -> None:
        work = self._pairs[0]
        step, epoch = work.step, work.step.epoch if work.step else 0
        message = self._publish(work)
        if len(self._pairs) > 1:
            self._beside_others(work.share)
        self._pairing.report_outcome(work.pair, message.header)
        self._pairs.popleft()
        self._ring.give_back(work.pair, self._pairing.key)
        if step is not None and step.epoch != epoch:
            for later in (work for work in self._pairs if work.step is step):
                later.begin(step, alone=False, on_done=self._ring.wake)

    def _beside_others(self, share: float) -> None:
        self._share += LAST * (share - self._share)
        if self._share < FREE:
            self._share, self._alone_until = 1.0, time.monotonic() + ALONE_FOR


def pairs_at_once(engine: EngineConfig) -> int:
    """How many pairs may be computed at the same time on this computer."""
    if engine.pairs_at_once:
        return engine.pairs_at_once
    return max(1, min(MOST, allowed_cores() // engine.threads)) if engine.threads else 1
