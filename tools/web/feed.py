"""Receives the node's results in a thread of its own; the server's tasks look at what it holds."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from streamer.headers import FusedHeader, StrainHeader
from streamer.subscriber import Received, Subscriber
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState
from tools.display.view import View
from tools.measure.offline import of_messages
from tools.web.cine import Cine, CineFrame

POLL: Final = 0.03  # s
TICK: Final = 0.1  # s: ages move on without messages


class Feed:
    """One node's results as a DisplayState and a Cine. `view` and `cine` belong to whoever holds `lock`."""

    def __init__(self, address: str, source: str | None, on_news: Callable[[], None]) -> None:
        self.lock = threading.Lock()
        self.cine = Cine()
        now = time.monotonic()
        self._offset = time.time() - now
        self._state = DisplayState(
            DisplayOptions(), address=address, now=now, source=source, unix_offset=self._offset
        )
        self._subscriber = Subscriber(address, source=source)
        self._on_news = on_news
        self._newest: StrainHeader | None = None
        self._number = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-feed")
        self.failure: BaseException | None = None
        """What ended the thread by itself."""

    def start(self) -> None:
        """Start receiving."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close its socket."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._subscriber.close()

    def view(self) -> View:
        """What is to be shown now. Under `lock`."""
        skipped, refused = self._subscriber.skipped.total(), self._subscriber.refused.total()
        return self._state.view(time.monotonic(), skipped, refused)

    def unix_now(self) -> float:
        """Unix time on the clock that images are stamped with."""
        return time.monotonic() + self._offset

    def late(self) -> bool:
        """Whether the stream has stopped. Under `lock`."""
        now = time.monotonic()
        return self._state.link.lost(now) or self._state.link.stale(now)

    def _run(self) -> None:
        emitted = time.monotonic()
        try:
            while not self._stop.is_set():
                received = self._subscriber.poll(POLL)
                now = time.monotonic()
                with self.lock:
                    self._state.update(received, now)
                    self._remember(received, now)
                if received.messages or now - emitted > TICK:
                    emitted = now
                    self._on_news()
        except BaseException as error:  # noqa: BLE001 - handed to the server, which raises it
            self.failure = error
            self._on_news()

    def _remember(self, received: Received, now: float) -> None:
        fused = None
        for message in received.messages:
            header = message.header
            if header.source_id != self._state.link.source:
                continue
            if isinstance(header, StrainHeader):
                self._newest = header
            elif isinstance(header, FusedHeader):
                fused = (header, message.arrays)
        if fused is None:
            return
        header, arrays = fused
        image = of_messages(
            header, arrays["relative_strain"], arrays["relative_std"], self._newest, now + self._offset
        )
        own = self._state.bmode_of(header.session_id, header.post_index)
        if own is not None:
            image = replace(
                image, bmode=own.image, bmode_grid=own.grid, dynamic_range_db=own.dynamic_range_db,
                exposure_db=own.exposure_db,
            )  # fmt: skip
        self._number += 1
        snre = self._newest.predicted_snre if self._newest is not None else None
        banner = self._state.link.banner(now).text
        self.cine.append(CineFrame(self._number, image, snre, banner))
