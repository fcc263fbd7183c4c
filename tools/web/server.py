"""HTTP and WebSocket on one port. The page comes from the package; nothing is loaded from elsewhere."""

import asyncio
import json
import logging
import mimetypes
import os
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from itertools import count
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from streamer.control import Control
from streamer.curve import PLAIN, Security
from streamer.errors import AddressInUse
from tools.web.access import Access
from tools.web.client import Client
from tools.web.composer import Composer
from tools.web.exchange import Exchange
from tools.web.feed import Feed
from tools.web.tape import TapeLink

MAX_CLIENTS: Final = 4
MAX_REQUEST: Final = 64 * 1024  # bytes
MAX_WAITING: Final = 32  # requests of one browser that are not answered yet
OPEN_WITHIN: Final = 5.0  # s for a connection to send its request
SEND_WITHIN: Final = 5.0  # s for a browser to take one message; then it is cut off
ALIVE_EVERY: Final = 20.0  # s between pings, and for their answer
CONTENT_POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
)
LOOK_EVERY: Final = 1.0  # s between two looks at the tape process
FASTEST: Final = 1 / 30  # s between two messages to one browser

log = logging.getLogger(__name__)
_connections = log.getChild("connections")
_connections.setLevel(logging.WARNING)  # else anybody's request is two lines


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the page is served and what it shows."""

    results: str
    """Address of the node's results."""
    host: str = "127.0.0.1"
    port: int = 5565
    source: str | None = None
    token: str | None = None
    keep: str = "tcp://127.0.0.1:5564"
    """Address of the tape process."""
    security: Security = PLAIN
    """Keys of the links to node and tape process."""
    tls: ssl.SSLContext | None = None
    """What the page is encrypted with; None: plain HTTP."""


class WebServer:
    """One server. Its coroutine `run` belongs to one event loop."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self.access = Access.of(settings.host, settings.token, encrypted=settings.tls is not None)
        self._page = _page_files()
        self._clients: dict[ServerConnection, Client] = {}
        self._count = count(1)
        self._news = asyncio.Condition()
        self._version = 0  # counts news

    async def run(self, stopped: asyncio.Event, on_ready: Callable[[str], None]) -> None:
        """Serve until `stopped`. Raises AddressInUse, ConfigError; whatever ended the feed by itself."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._notify()))

        settings = self._settings
        feed = Feed(settings.results, settings.source, wake, settings.security)
        with (
            closing(TapeLink(settings.keep, settings.security)) as tape,
            Control(settings.results, settings.security) as control,
        ):
            watching = asyncio.ensure_future(self._watch(tape, feed))
            try:
                await self._run(stopped, on_ready, feed, tape, control)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        if feed.failure is not None:
            raise feed.failure

    async def _run(
        self,
        stopped: asyncio.Event,
        on_ready: Callable[[str], None],
        feed: Feed,
        tape: TapeLink,
        control: Control,
    ) -> None:
        try:
            async with await self._listen(feed, tape, control) as server:
                feed.start()
                on_ready(self._address(server))
                while not stopped.is_set() and feed.failure is None:
                    await asyncio.wait([asyncio.ensure_future(stopped.wait())], timeout=0.2)
        finally:
            feed.stop()

    async def _watch(self, tape: TapeLink, feed: Feed) -> None:
        """Ask the tape process now and then how much it holds, and hold the pins of those who froze."""
        while True:
            frozen = [client.name for client in self._clients.values() if client.shown is not None]
            await asyncio.to_thread(tape.look, frozen)
            feed.tape_seconds, feed.recording = tape.seconds, tape.recording
            await asyncio.sleep(LOOK_EVERY)

    async def _listen(self, feed: Feed, tape: TapeLink, control: Control) -> Server:
        settings = self._settings
        try:
            return await serve(
                lambda connection: self._serve(connection, feed, tape, control),
                settings.host.strip("[]"),
                settings.port,
                process_request=self._process_request,
                max_size=MAX_REQUEST,
                max_queue=8,
                compression=None,  # float maps do not shrink, and compressing costs the node's core
                open_timeout=OPEN_WITHIN,
                ping_interval=ALIVE_EVERY,
                ping_timeout=ALIVE_EVERY,
                close_timeout=1.0,
                server_header=None,
                logger=_connections,
                ssl=settings.tls,
                ssl_handshake_timeout=None if settings.tls is None else OPEN_WITHIN,
            )
        except OSError as error:
            raise AddressInUse(
                f"cannot serve the page at {settings.host}:{settings.port} ({error.strerror}): "
                "choose another address with --bind"
            ) from error

    def _address(self, server: Server) -> str:
        port = next(iter(server.sockets)).getsockname()[1]
        query = f"?token={self.access.token}" if self.access.token else ""
        scheme = "http" if self._settings.tls is None else "https"
        return f"{scheme}://{self._settings.host}:{port}/{query}"

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        refused = self.access.refusal(request.path, request.headers)
        if refused is not None:
            return _response(HTTPStatus.FORBIDDEN, refused.encode(), "text/plain; charset=utf-8")
        path = urlsplit(request.path).path
        if path == "/ws":
            if len(self._clients) >= MAX_CLIENTS:
                text = f"{MAX_CLIENTS} browsers look already: close one of them"
                return _response(HTTPStatus.SERVICE_UNAVAILABLE, text.encode(), "text/plain; charset=utf-8")
            return None
        name = "index.html" if path == "/" else path[1:]
        if name not in self._page:
            return _response(HTTPStatus.NOT_FOUND, b"not found\n", "text/plain")
        kind, body = self._page[name]
        response = _response(HTTPStatus.OK, body, kind, self.access.cookie())
        if request.method == "HEAD":
            response.body = b""  # its length stays stated
        return response

    async def _serve(
        self, connection: ServerConnection, feed: Feed, tape: TapeLink, control: Control
    ) -> None:
        """One browser: a task that sends the newest, one that hears requests, and one for each request."""
        client = Client(feed, f"page {os.getpid()}.{next(self._count)}")
        self._clients[connection] = client
        exchange = Exchange(client, feed, tape, control, self._notify)
        sending = asyncio.ensure_future(self._send(connection, client, feed))
        room = asyncio.Semaphore(MAX_WAITING)
        try:
            async with asyncio.TaskGroup() as answering:
                async for text in connection:
                    await room.acquire()
                    answering.create_task(self._answer(connection, exchange, text, room))
        except* ConnectionClosed:
            pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await exchange.end()
            del self._clients[connection]

    async def _answer(
        self, connection: ServerConnection, exchange: Exchange, text: str | bytes, room: asyncio.Semaphore
    ) -> None:
        try:
            reply = await exchange.reply(text)
            if reply is not None:
                await connection.send(json.dumps(reply))
            await self._notify()
        finally:
            room.release()

    async def _send(self, connection: ServerConnection, client: Client, feed: Feed) -> None:
        """Newest wins: the next message is made when the browser has drawn the last one."""
        composer = Composer(client, feed)
        while True:
            seen = self._version
            with feed.lock:
                message = composer.next_message()
            client.drawn.clear()
            try:
                await asyncio.wait_for(connection.send(message), SEND_WITHIN)
            except TimeoutError:
                log.warning("a browser took nothing for %g s: cut off", SEND_WITHIN)
                connection.transport.abort()
                return
            except ConnectionClosed:
                return
            await asyncio.gather(asyncio.sleep(FASTEST), client.drawn.wait())
            async with self._news:
                await self._news.wait_for(lambda: self._version != seen)  # noqa: B023 - awaited at once

    async def _notify(self) -> None:
        self._version += 1
        async with self._news:
            self._news.notify_all()


def _page_files() -> dict[str, tuple[str, bytes]]:
    """Type and bytes of every file of the page, by name."""
    found = {}
    for file in files("tools.web").joinpath("page").iterdir():
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        kind = "text/javascript" if file.name.endswith(".js") else kind
        found[file.name] = (f"{kind}; charset=utf-8", file.read_bytes())
    return found


def _response(status: HTTPStatus, body: bytes, kind: str, cookie: str | None = None) -> Response:
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": CONTENT_POLICY,
            "Referrer-Policy": "no-referrer",
            "Connection": "close",
        }
    )
    if cookie is not None:
        headers["Set-Cookie"] = cookie
    return Response(status, status.phrase, headers, body)
