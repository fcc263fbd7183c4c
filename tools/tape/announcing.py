"""A recording made elsewhere is announced to the tape process, so that window and page can show it."""

import os
import threading
from types import TracebackType
from typing import Final, Self

from streamer.curve import PLAIN, Security
from tools.errors import ToolError
from tools.tape.protocol import KeepClient

ANNOUNCE_EVERY: Final = 1.0  # s
PATIENCE: Final = 0.5  # s for an answer; without a tape process there is nobody to show it


class Announcing:
    """Announces a recording for as long as the block lasts, from a thread of its own: it never waits."""

    def __init__(self, address: str, security: Security = PLAIN) -> None:
        self._client = KeepClient(address, f"record {os.getpid()}", security)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcing")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._client.ask({"do": "recording"}, PATIENCE)
            except ToolError:
                continue
            self._ended.wait(ANNOUNCE_EVERY)
