"""The node's sign of life: a line on standard output while its loop turns."""

import threading
from contextlib import AbstractContextManager
from typing import Final

from tools.output import emit

INTERVAL: Final = 0.2  # s between two lines at least


class Turns(AbstractContextManager["Turns"]):
    """Writes a line after every turn of the loop, at most one an interval.

    The line is written in a thread of its own: a reader that does not read delays no frame.
    """

    def __init__(self) -> None:
        self._within = 0.0
        self._turned = threading.Event()
        self._changed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._write, name="turns", daemon=True)
        self._thread.start()

    def on_turn(self, within: float) -> None:
        """The loop has turned, and will again within so many seconds. Never waits."""
        if within != self._within:
            self._changed.set()
        self._within = within
        self._turned.set()

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._changed.set()
        self._turned.set()
        self._thread.join(INTERVAL)

    def _write(self) -> None:
        while self._turned.wait() and not self._ended:
            self._turned.clear()
            self._changed.clear()
            emit("turn", {"within": self._within}, as_json=True)
            self._changed.wait(INTERVAL)  # another promise is passed on at once
