"""Starts the tape process beside a node, and starts it again where it ends."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from streamer.config import Config
from tools.children import CRASHED, Child

_LOOPBACK: Final = {"tcp://0.0.0.0:": "tcp://127.0.0.1:", "tcp://[::]:": "tcp://[::1]:"}
AGAIN_AFTER: Final = 5.0  # s between two starts of the process

log = logging.getLogger(__name__)


class Keeper:
    """The tape process of the node that publishes at `results`. Nothing waits for it. Main thread."""

    def __init__(self, settings: Config, results: str) -> None:
        self.process: Child | None = None
        """It reports `ready` with its address under `keep`; None where it is off or cannot be started."""
        self._arguments = _arguments(settings, results) if settings.keep.memory else None
        self._started = -AGAIN_AFTER
        self.look()

    def look(self) -> None:
        """Start the process where it is to run and does not; what an earlier one held is lost."""
        if self._arguments is None or (self.process is not None and self.process.running()):
            return
        if time.monotonic() - self._started < AGAIN_AFTER:
            return
        if self.process is not None:
            if 0 <= self.process.finish() != CRASHED:  # it has written why, and another would end like it
                self.process, self._arguments = None, None
                return
            log.warning("the tape process has ended, and what it held is lost: it is started again")
        self._started = time.monotonic()
        try:
            self.process = Child(self._arguments, "tools")
        except OSError as error:
            self.process, self._arguments = None, None
            log.warning("nothing can be kept: the tape process does not start: %s", error)

    def end(self) -> None:
        """End the process and wait for it."""
        if self.process is not None:
            self.process.ask_to_stop()
            self.process.finish()


@contextmanager
def keeping(settings: Config, results: str) -> Iterator[Keeper]:
    """A tape process for as long as the block lasts."""
    keeper = Keeper(settings, results)
    try:
        yield keeper
    finally:
        keeper.end()


def _arguments(settings: Config, results: str) -> list[str]:
    keep = settings.keep
    arguments = ["tape", "--connect-rf", settings.input.connect, "--connect", reachable(results)]
    arguments += ["--bind", keep.bind, "--memory", str(keep.memory), "--folder", keep.folder or "."]
    arguments += ["--security", settings.security.model_dump_json()]
    arguments += ["--source", settings.input.source] if settings.input.source else []
    return [*arguments, "--json"]


def reachable(address: str) -> str:
    """A bound address as one on this machine connects to it."""
    for wildcard, loopback in _LOOPBACK.items():
        if address.startswith(wildcard):
            return loopback + address.removeprefix(wildcard)
    return address
