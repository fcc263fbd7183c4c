"""A tape of what the ring holds, written by a thread of its own; later messages follow without a gap."""

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamer.headers import StatusHeader
from streamer.system import unix_ahead_ns
from tools.errors import ToolError
from tools.tape import layout
from tools.tape.about import about_node
from tools.tape.ring import Held
from tools.tape.writer import TapeWriter


class Saving:
    """One tape being written. All methods belong to the thread that made it.

    `span` is written first, then what is appended within `after` seconds. Raises as `TapeWriter`.
    """

    def __init__(
        self, path: Path, span: Sequence[Held], status: Sequence[StatusHeader], after: float
    ) -> None:
        self._path = path
        self._tape = TapeWriter(path)
        self._status = status
        self._waiting: queue.SimpleQueue[Held | None] = queue.SimpleQueue()
        for message in span:
            self._waiting.put(message)
        self._first, self._last = span[0].at, span[-1].at
        self._ahead = unix_ahead_ns()
        self._ends = time.monotonic() + after
        self._ended = False
        self._failure: ToolError | None = None
        self._thread = threading.Thread(target=self._write, name="tape-save")
        self._thread.start()

    def append(self, message: Held) -> None:
        """Take a message that came after the span, while the time for that lasts."""
        if not self._ended and time.monotonic() < self._ends:
            self._waiting.put(message)
            self._last = message.at

    def done(self) -> bool:
        """Whether the file is complete."""
        if not self._ended and time.monotonic() >= self._ends:
            self._ended = True
            self._waiting.put(None)
        return not self._thread.is_alive()

    def finish_now(self) -> None:
        """Write what was appended so far, and return when the file is complete."""
        self._ended = True
        self._waiting.put(None)
        self._thread.join()

    def result(self) -> dict[str, Any]:
        """What was saved. Raises ToolError where it could not be."""
        if self._failure is not None:
            raise self._failure
        return {
            "path": str(self._path.absolute()),
            "messages": self._tape.n_messages,
            "seconds": (self._last - self._first) * 1e-9,
            "bytes": self._tape.n_bytes,
        }

    def _write(self) -> None:
        try:
            with self._tape as tape:
                for status in self._status:
                    tape.describe(layout.ABOUT_NODE, about_node(status))
                while (message := self._waiting.get()) is not None:
                    tape.append(message.parts, message.header.schema_name, message.at + self._ahead)
        except ToolError as error:
            self._failure = error
