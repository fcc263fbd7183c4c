"""Messages of an OpenIGTLink sender, every one of them in order, from a socket."""

import socket
import time
from collections.abc import Callable
from typing import Final

from tools.igtl.wire import HEADER, Head, unpack_head

WAKE: Final = 0.1  # s between looks at whether to stop
SILENT: Final = 5.0  # s within a message; then the link is given up


class Stopped(Exception):
    """The wait was ended from outside."""


class MessageStream:
    """Reads one connected socket. One thread; the caller closes the socket."""

    def __init__(self, link: socket.socket, is_stopped: Callable[[], bool]) -> None:
        link.settimeout(WAKE)
        self._link, self._is_stopped = link, is_stopped

    def next(self) -> tuple[Head, memoryview]:
        """Header and body of the next message; waits for it as long as it takes.

        Raises Stopped, NotOpenIgtLink, and OSError where the sender hung up or stopped within a message.
        """
        head = unpack_head(self._read(HEADER.size, begun=False))
        return head, self._read(head.size, begun=True)

    def _read(self, size: int, *, begun: bool) -> memoryview:
        view, filled, moved = memoryview(bytearray(size)), 0, time.monotonic()
        while filled < size:
            if self._is_stopped():
                raise Stopped
            try:
                count = self._link.recv_into(view[filled:])
            except TimeoutError:
                if (begun or filled) and time.monotonic() - moved > SILENT:
                    raise ConnectionError(f"it sent nothing for {SILENT:g} s within a message") from None
                continue
            if count == 0:
                raise ConnectionError("it hung up")
            filled, moved = filled + count, time.monotonic()
        return view
