"""Metrics and health over HTTP: few connections, short time-outs, loopback unless told otherwise."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from streamer.errors import AddressInUse, ConfigError

MOST_CONNECTIONS = 4  # a scraper, two probes and a browser
TIMEOUT = 2.0  # s for a client to say what it wants

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class HealthServer:
    """Serves /metrics, /livez and /readyz from its own thread until closed.

    `routes` maps a path to a function that any thread may call. Raises AddressInUse where host:port cannot be
    bound, ConfigError where it is no host:port.
    """

    def __init__(self, bind: str, routes: dict[str, Callable[[], Answer]]) -> None:
        host, _, port = bind.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ConfigError(f"http.bind = {bind!r}: must be host:port, such as 127.0.0.1:5562")
        try:
            self._server = _BoundedServer((host.strip("[]"), int(port)), _handler(routes))
        except OSError as error:
            raise AddressInUse(f"cannot bind HTTP to {bind}: {error.strerror}; change http.bind") from error
        self.address = f"{self._server.server_address[0]!s}:{self._server.server_address[1]}"
        """host:port that was really bound."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http")
        self._thread.start()

    def close(self) -> None:
        """Stop serving; returns within about 0.1 s."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _BoundedServer(ThreadingHTTPServer):
    """One thread per connection, but never more than a few; the rest are told to come back."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False  # a second node on the same port must fail, not share it

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up or times out is its own business."""


def _handler(routes: dict[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT
        server_version = "musse-stream"
        sys_version = ""

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            known = ", ".join(routes)
            status, kind, body = route() if route else (404, "text/plain", f"try {known}\n".encode())
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Scrapes are not logged."""

    return Handler
