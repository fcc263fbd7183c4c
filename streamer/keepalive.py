"""How a link that died without a word (a pulled cable, a host that lost power) is noticed."""

from typing import Final

import zmq

KEEPALIVE_IDLE: Final = 1  # s of silence before the first probe
KEEPALIVE_INTERVAL: Final = 1  # s between probes
KEEPALIVE_PROBES: Final = 2  # unanswered ones that end the link


def enable_tcp_keepalive(socket: "zmq.Socket[bytes]") -> None:
    """Have the operating system probe a silent peer; the link ends some 3 s after it fell silent.

    Not ZeroMQ's own heartbeats: in libzmq 4.3.5 they abort the whole process when the receive queue stays
    full for longer than their time-out (issues 3937 and 4767), as in a viewer that pauses.
    """
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES)
