"""Metrics and health over HTTP: few connections, short time-outs, loopback by default."""

import contextlib
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from streamer.addresses import split_host_port
from streamer.errors import AddressInUse

MAX_CONNECTIONS = 4  # a scraper, two probes and a browser
TIMEOUT = 2.0  # s without a byte of a client
LONGEST = 5.0  # s for a request and its answer, however slowly bytes come

Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class HealthServer:
    """Serves /metrics, /livez and /readyz from its own thread until closed.

    `routes` maps a path to a function that any thread may call; with `tls` it is HTTPS. Raises AddressInUse
    where host:port cannot be bound, ConfigError where it is no host:port.
    """

    def __init__(
        self, bind: str, routes: dict[str, Callable[[], Answer]], tls: ssl.SSLContext | None = None
    ) -> None:
        host, port = split_host_port(bind, "http.bind")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._server = _BoundedServer(family, (host, port), _handler(routes), tls)
        except OSError as error:
            raise AddressInUse(f"cannot bind HTTP to {bind}: {error.strerror}; change http.bind") from error
        taken, port = self._server.server_address[:2]
        self.address = f"[{taken!s}]:{port}" if ":" in host else f"{taken!s}:{port}"
        """host:port that was really bound."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http")
        self._thread.start()

    def close(self) -> None:
        """Stop serving; returns within about 0.1 s."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _BoundedServer(ThreadingHTTPServer):
    """One thread per connection, but never more than a few: a new one ends the oldest.

    So clients that hold a connection open, or send a byte now and then, cannot keep a health probe out.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64  # beyond it a connection waits for seconds
    # without it a node cannot restart for a minute after its last scrape; on Windows the same option would
    # let a second node share the port
    allow_reuse_address = sys.platform != "win32"

    def __init__(
        self,
        family: socket.AddressFamily,
        address: tuple[str, int],
        handler: type[BaseHTTPRequestHandler],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.address_family = family
        self._tls = tls
        self._open: dict[socket.socket, float] = {}
        """Connections in the order they came, and when each is ended."""
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # past HTTPServer's own, which asks the name service for this host: seconds without a network
        socketserver.TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client_address = super().get_request()
        if self._tls is not None:
            # the handshake comes with the first read, in the connection's own thread and within its time-out
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client_address

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[request] = time.monotonic() + LONGEST
            ended = list(self._open)[:-MAX_CONNECTIONS]
        _hang_up(ended)
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """End connections that last too long; many times a second."""
        now = time.monotonic()
        with self._lock:
            _hang_up([connection for connection, end in self._open.items() if now > end])

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._open[request]

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            _hang_up(self._open)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up or times out is its own business."""


def _hang_up(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):  # it may have ended by itself
            connection.shutdown(socket.SHUT_RDWR)


def _handler(routes: dict[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT
        server_version = "musse-stream"
        sys_version = ""

        def do_GET(self) -> None:
            self.wfile.write(self._head())

        def do_HEAD(self) -> None:
            self._head()

        def _head(self) -> bytes:
            """Send status and header fields; returns the body."""
            route = routes.get(self.path.partition("?")[0])
            paths = ", ".join(routes)
            status, kind, body = route() if route else (404, "text/plain", f"try {paths}\n".encode())
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return body

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Scrapes are not logged."""

    return Handler
