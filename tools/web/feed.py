"""Receives the node's results in a thread of its own; the server's tasks look at what it holds."""

import threading
import time
from collections.abc import Callable
from typing import Final

from streamer.curve import Security
from streamer.headers import BmodeHeader, FusedHeader, StrainHeader
from streamer.subscriber import Received, Subscriber
from tools.display import clock
from tools.display.options import DisplayOptions
from tools.display.state import DisplayState
from tools.display.strain_image import StrainImage
from tools.display.view import View
from tools.measure.frames import ImageFrame
from tools.measure.offline import of_messages
from tools.web.cine import Cine, CineFrame, with_bmode

POLL: Final = 0.03  # s
FIRST_NUMBER: Final = 10**6  # frames that only the tape process holds are counted down from here
TICK: Final = 0.1  # s: ages move on without messages


class Feed:
    """One node's results as a DisplayState and a Cine. `view` and `cine` belong to whoever holds `lock`."""

    def __init__(
        self, address: str, source: str | None, on_news: Callable[[], None], security: Security
    ) -> None:
        self.lock = threading.Lock()
        self.cine = Cine()
        now = clock.now()
        self._offset = time.time() - now
        self._state = DisplayState(
            DisplayOptions(), address=address, now=now, source=source, unix_offset=self._offset
        )
        self._subscriber = Subscriber(address, source=source, security=security)
        self._on_news = on_news
        self._newest: StrainHeader | None = None
        self._number = FIRST_NUMBER
        self._last_pair: StrainImage | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web-feed")
        self.failure: BaseException | None = None
        """What ended the thread by itself."""
        self.tape_seconds: float | None = None
        """s that the tape process holds; None without one."""
        self.recording = False

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
        return self._state.view(clock.now(), skipped, refused)

    def source(self) -> str | None:
        """The source that is shown. Under `lock`."""
        return self._state.link.source

    def unix_now(self) -> float:
        """Unix time on the clock that images are stamped with."""
        return clock.now() + self._offset

    def late(self) -> bool:
        """Whether the stream has stopped. Under `lock`."""
        now = clock.now()
        return self._state.link.lost(now) or self._state.link.stale(now)

    def _run(self) -> None:
        emitted = clock.now()
        try:
            while not self._stop.is_set():
                received = self._subscriber.poll(POLL)
                now = clock.now()
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
        """Put the newest image into the cine: the fused one, or a single pair's where there is no fusion."""
        image = None
        for message in received.messages:
            header = message.header
            if header.source_id != self._state.link.source:
                continue
            if isinstance(header, StrainHeader):
                self._newest = header
            elif isinstance(header, BmodeHeader):
                late = self._state.bmode_of(header.session_id, header.frame_index)
                if late is not None:
                    self.cine.complete(late)
            elif isinstance(header, FusedHeader):
                maps = message.arrays["relative_strain"], message.arrays["relative_std"]
                image = of_messages(header, *maps, self._newest, now + self._offset)
        newest = self._newest
        if image is None and newest is not None:
            image = self._single_pair(newest, now)
        if image is None:
            return
        own = self._state.bmode_of(image.session_id, image.frame_index)
        if own is not None:
            image = with_bmode(image, own)
        self._number += 1
        self.cine.append(CineFrame(self._number, image))

    def _single_pair(self, newest: StrainHeader, now: float) -> ImageFrame | None:
        """The image of the newest pair where no fused one has come; None where it is no new image."""
        strain = self._state.view(now).strain
        if strain is None or strain.pairs is not None or strain is self._last_pair:
            return None
        self._last_pair = strain
        return ImageFrame(
            session_id=strain.session_id,
            frame_index=strain.post_index,
            time=now + self._offset,
            relative_strain=strain.normalised,
            relative_std=strain.std,
            grid=strain.grid,
            region=strain.region,
            mean_strain=newest.mean_strain,
            median_ncc=newest.median_ncc,
            predicted_snre=newest.predicted_snre,
            quality=strain.quality,
            pairs=1.0,
            time_constant=0.0,
            engine=strain.engine,
            precision=newest.precision,
            device=newest.device,
            source=newest.source_id,
            assumed=newest.assumed,
        )
