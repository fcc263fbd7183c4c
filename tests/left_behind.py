"""Threads, child processes and ZeroMQ contexts that a test leaves behind."""

import threading
import time
import weakref
from typing import Any

import psutil
import zmq
from zmq.utils.garbage import GarbageCollectorThread

GRACE = 10.0  # s for what a test has ended to be gone, on a busy machine

_contexts: "weakref.WeakSet[zmq.Context[Any]]" = weakref.WeakSet()
_make_context = zmq.Context.__init__


def _make_and_remember(self: "zmq.Context[Any]", *arguments: Any, **options: Any) -> None:
    _make_context(self, *arguments, **options)
    if not isinstance(threading.current_thread(), GarbageCollectorThread):
        _contexts.add(self)  # else pyzmq's own for messages sent without a copy: it stays until the end


zmq.Context.__init__ = _make_and_remember  # type: ignore[method-assign]  # pyzmq keeps no list of its contexts


class LeftBehind:
    """Threads, child processes and ZeroMQ contexts (an open socket keeps its context open) since a moment."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._children = set(psutil.Process().children())
        self._contexts = set(_contexts)

    def found(self, grace: float = GRACE) -> list[str]:
        """What is still there after `grace` seconds, one phrase each. Daemon threads may stay."""
        end = time.monotonic() + grace
        while (left := self._now()) and time.monotonic() < end:
            time.sleep(0.02)
        return left

    def _now(self) -> list[str]:
        threads = [t for t in set(threading.enumerate()) - self._threads if t.is_alive() and not t.daemon]
        children = [c for c in set(psutil.Process().children()) - self._children if c.is_running()]
        contexts = [c for c in set(_contexts) - self._contexts if not c.closed]
        return [
            *(f"thread {thread.name}" for thread in threads),
            *(f"child process {child.pid}" for child in children),
            *("a ZeroMQ context that is not closed" for _ in contexts),
        ]
