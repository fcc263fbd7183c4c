"""A tape process in a thread, with both senders it subscribes to."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from streamer.stopping import Stop
from tests.tools.recorder import PATIENCE, Sender
from tests.tools.tape.tapes import rf_parts, strain_parts
from tools.tape.protocol import KeepClient
from tools.tape.service import Counts, KeepSettings, serve

T = TypeVar("T")


class Keeper:
    """The service, its senders and a client."""

    def __init__(self, folder: Path, memory: int) -> None:
        self.rf, self.results = Sender(), Sender()
        self.folder = folder
        self.counts: Counts | None = None
        self._closing = ExitStack()
        settings = KeepSettings(
            rf=self.rf.address, results=self.results.address, bind="tcp://127.0.0.1:*", memory=memory,
            folder=folder,
        )  # fmt: skip
        self.address = self._closing.enter_context(_serving(settings, self._end))
        self.results.wait_for_subscriptions(4)
        self.results.status(1)  # the node gets frames: now RF is listened to as well
        self.rf.wait_for_subscriptions(1)
        self.client = KeepClient(self.address, "test")

    def send(self, *indices: int, **changes: Any) -> None:
        """An RF frame and its strain for each number."""
        for index in indices:
            self.rf.parts(rf_parts(index, **changes))
            self.results.parts(strain_parts(index))

    def wait_until_held(self, count: int) -> list[Any]:
        """Rows of the frames, as soon as so many have both messages."""
        return wait_for(lambda: self._complete(count))

    def _complete(self, count: int) -> list[Any] | None:
        rows = [row for row in self.client.ask({"do": "frames"})["frames"] if len(row[4]) == 2]
        return rows if len(rows) >= count else None

    def close(self) -> Counts:
        self._closing.close()
        self.client.close()
        self.rf.close()
        self.results.close()
        assert self.counts is not None
        return self.counts

    def _end(self, counts: Counts) -> None:
        self.counts = counts


@contextmanager
def tape_process(results: str, folder: Path, memory: int = 2**26) -> Iterator[str]:
    """The service in a thread beside a node of which there are results alone; yields its address."""
    settings = KeepSettings(
        rf=results, results=results, bind="tcp://127.0.0.1:*", memory=memory, folder=folder
    )
    with _serving(settings, lambda counts: None) as address:
        yield address


@contextmanager
def _serving(settings: KeepSettings, on_end: Callable[[Counts], None]) -> Iterator[str]:
    stop, ready, addresses = Stop(), threading.Event(), list[str]()

    def on_ready(address: str) -> None:
        addresses.append(address)
        ready.set()

    thread = threading.Thread(target=lambda: on_end(serve(settings, stop, on_ready)), name="keeper")
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield addresses[0]
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(found: Callable[[], T | None]) -> T:
    """What `found` returns once it is not None."""
    end = time.monotonic() + PATIENCE
    while (value := found()) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    return value


@contextmanager
def keeper(folder: Path, memory: int = 2**24) -> Iterator[Keeper]:
    running = Keeper(folder, memory)
    try:
        yield running
    finally:
        running.close()
