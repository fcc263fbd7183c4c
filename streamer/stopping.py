"""Ending a run: from a signal, from another thread, in the middle of an inference."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequested(BaseException):
    """Raised inside `Stop.interruptible` when a signal asks the node to end."""


class Stop:
    """The request to end a run. `set` may be called from any thread, `on_signal` is a signal handler.

    A handler may run in the middle of `wait`: threading.Event would wait for ever for a lock that its own
    thread holds, SimpleQueue.put is made for that.
    """

    def __init__(self) -> None:
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._set = False
        self._signalled = False
        self._interruptible = False

    def set(self) -> None:
        """End soon: work in progress is finished."""
        self._set = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Whether the run is to end."""
        return self._set

    def wait(self, seconds: float) -> bool:
        """Wait until the run is to end, at most `seconds`; returns `is_set`."""
        try:
            self._wake.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return self._set
        self._wake.put(None)  # so that the next one who waits wakes too
        return True

    def on_signal(self, signum: int, frame: object) -> None:
        """End now: an inference in progress is broken off, and none begins any more.

        Runs in the main thread, as signal handlers do.
        """
        self._signalled = True
        self.set()
        if self._interruptible:
            self._interruptible = False
            raise StopRequested(signum)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Code that a signal may break off anywhere: it must leave nothing half done that others see.

        It is not begun where the signal came just before. Raises StopRequested.
        """
        self._interruptible = True
        try:
            if self._signalled:
                raise StopRequested
            yield
        finally:
            self._interruptible = False
