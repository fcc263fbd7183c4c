"""What happens when a browser asks: at once, or in a thread where the tape process has to answer first."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from streamer.control import Control
from tools.errors import ToolError
from tools.measure.best import best_frames
from tools.measure.frames import ImageFrame
from tools.web.client import Client
from tools.web.feed import Feed
from tools.web.requests import (
    Best,
    Freeze,
    Fusion,
    Keep,
    Live,
    Measure,
    Next,
    Options,
    Roi,
    Row,
    answer,
    parse,
)
from tools.web.tape import TapeLink

BEST_OF: Final = 60.0  # s before the newest image that best images are looked for in


class Exchange:
    """Answers one browser. Belongs to the server's event loop."""

    def __init__(
        self,
        client: Client,
        feed: Feed,
        tape: TapeLink,
        control: Control,
        notify: Callable[[], Awaitable[None]],
    ) -> None:
        self._client, self._feed, self._tape = client, feed, tape
        self._control, self._notify = control, notify
        self._order, self._saving = asyncio.Lock(), asyncio.Lock()

    async def reply(self, text: str | bytes) -> dict[str, Any] | None:
        """Do what is asked for; the answer, if there is one.

        Requests are done in the order of these calls, but for `keep` and `next`: a tape takes seconds to
        write, and a browser that gets no images meanwhile takes the server for lost.
        """
        if not isinstance(text, str):
            return {"error": "requests are JSON text"}
        try:
            request = parse(text)
            if isinstance(request, Keep):
                frozen = self._client.shown is not None
                async with self._saving:
                    return {
                        "kept": await asyncio.to_thread(self._tape.keep, self._client.name, frozen=frozen)
                    }
            if isinstance(request, Next):
                return answer(request, self._client)
            async with self._order:
                return await self._in_turn(request)
        except (ValueError, ToolError) as error:
            return {"error": str(error)}

    async def _in_turn(
        self, request: Freeze | Live | Measure | Roi | Fusion | Options | Row | Best
    ) -> dict[str, Any] | None:
        match request:
            case Freeze():
                await self._freeze(request)
            case Live():
                await self.end()
            case Fusion():
                self._control.set_time_constant(request.time_constant)
            case Best():
                best = await asyncio.to_thread(lambda: best_frames(self._recent()))
                return {"best": [[image.session_id, image.frame_index, image.time] for image in best]}
            case _:
                with self._feed.lock:
                    return answer(request, self._client)
        return None

    async def end(self) -> None:
        """Follow the stream again, and let the tape process go on."""
        frozen = self._client.shown is not None
        with self._feed.lock:
            self._client.live()
        if frozen:
            await asyncio.to_thread(self._tape.unfreeze, self._client.name)

    async def _freeze(self, request: Freeze) -> None:
        client, number = self._client, request.number
        if client.shown is None:
            with self._feed.lock:
                client.freeze(number)
            await self._notify()  # the tape process may take a while
            rows = await asyncio.to_thread(self._tape.freeze, client.name)
            with self._feed.lock:
                client.follow_older(rows)
        with self._feed.lock:
            if request.frame is not None:
                number = client.number_of(*request.frame)
                if number is None:
                    raise ValueError(f"frame {request.frame[1]} is not in memory any more")
            older = None if number is None else client.older_at(number)
            if older is None:
                client.freeze(number)
                older = client.without_bmode()
                number = None
            if older is None:
                return
        try:
            image = await asyncio.to_thread(self._tape.image, older)
        except ToolError:
            if number is None:  # a B-mode that nobody has
                return
            raise
        presses = (
            [] if number is None else await asyncio.to_thread(self._tape.presses_before, older, client.older)
        )
        with self._feed.lock:
            if number is None:
                client.complete(older, image)
            elif client.older_at(number) == older:  # still frozen
                client.show_older(older, image, presses)

    def _recent(self) -> Iterator[ImageFrame]:
        """Images of the last minute, oldest first: those of the tape process, then those in memory."""
        with self._feed.lock:
            images = [frame.image for frame in self._feed.cine]
            older = [row for row in self._client.older if images and images[-1].time - row.time <= BEST_OF]
        yield from self._tape.images(older)
        yield from images
