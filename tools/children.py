"""Programs of this project that another one starts: each reports `ready` and `summary` in JSON lines."""

import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from streamer.stopping import Stop, StopRequested
from tools.errors import ToolError
from tools.processes import ask_to_stop, start, wait_or_kill

CRASHED = 1  # the exit code of an exception that nobody expected
POLL = 0.05  # s
LATEST_READY = 30.0  # s; a cold start imports torch from a slow disk


class Child:
    """A running `musse-stream` subcommand whose JSON lines are read in a thread of its own."""

    def __init__(
        self, arguments: Sequence[str], module: str, changes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.name = arguments[0]
        self._process = start(arguments, module, changes)
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name=f"{self.name}-output")
        self._reader.start()

    def wait_for(self, event: str, seconds: float = LATEST_READY, stop: Stop | None = None) -> dict[str, Any]:
        """The fields of the next event of this name.

        Raises ToolError where the child ends without it or it does not come in time, StopRequested where
        `stop` is set first.
        """
        until = time.monotonic() + seconds
        while True:
            if stop is not None and stop.is_set():
                raise StopRequested
            try:
                fields = self._events.get(timeout=POLL)
            except queue.Empty:
                if time.monotonic() < until:
                    continue
                raise ToolError(f"{self.name}: no {event!r} within {seconds:g} s") from None
            if fields.get("event") == event:
                return fields
            if fields.get("event") == "end":
                raise ToolError(f"{self.name} ended with exit code {self._process.wait()} before {event!r}")

    def next_event(self, timeout: float) -> dict[str, Any] | None:
        """The next event with its fields, "end" as the last; None where none comes within `timeout` s."""
        try:
            return self._events.get(timeout=timeout) if timeout > 0 else self._events.get_nowait()
        except queue.Empty:
            return None

    def running(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Ask it to end; returns at once."""
        ask_to_stop(self._process)

    def kill(self) -> None:
        """End it without its help; returns at once."""
        self._process.kill()

    def finish(self) -> int:
        """Wait for its end, kill it where it does not come; returns the exit code."""
        code = wait_or_kill(self._process)
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def _read(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                try:
                    fields = json.loads(line)
                except ValueError:
                    continue  # something a library printed
                if isinstance(fields, dict) and "event" in fields:
                    self._events.put(fields)
        self._events.put({"event": "end"})


@contextmanager
def child(*arguments: str, module: str = "tools") -> Iterator[Child]:
    """Run `python -m MODULE ARGUMENTS` for as long as the block lasts, then ask it to stop and wait."""
    process = Child(arguments, module)
    try:
        yield process
    finally:
        process.ask_to_stop()
        process.finish()
