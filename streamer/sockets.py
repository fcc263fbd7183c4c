"""Every ZeroMQ socket of the project is opened here, with its limits set and its address checked.

CONFLATE is never set: with multipart messages it delivers the last part only.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import zmq

from streamer.addresses import check_zmq_address, ipc_in_use, is_ipv6, is_loopback
from streamer.curve import PLAIN, Context, Security, Server
from streamer.errors import AddressInUse, ConfigError

Socket: TypeAlias = zmq.Socket[bytes]

MAX_FRAME_BYTES: Final = 16 * 2**20
"""Default limit of one RF frame, and of one array of a result."""
OVERHEAD_BYTES: Final = 64 * 1024  # MAXMSGSIZE limits one part, framing included; headers are far smaller
MAX_REQUEST_BYTES: Final = 1024  # what a publisher receives is a topic; a peer that sends more is cut off

KEEPALIVE_IDLE: Final = 1  # s of silence before the first probe
KEEPALIVE_INTERVAL: Final = 1  # s between probes
KEEPALIVE_PROBES: Final = 2  # unanswered probes that end the link


def open_context(security: Security = PLAIN) -> Context:
    """A ZeroMQ context whose sockets use these keys; `term` it when its sockets are closed."""
    return Context(security)


def connect_subscriber(
    context: Context,
    address: str,
    topics: Iterable[bytes],
    *,
    high_water_mark: int,
    max_part_bytes: int = MAX_FRAME_BYTES + OVERHEAD_BYTES,
    setting: str,
    watched: int = 0,
    server: Server = "node",
) -> Socket:
    """A SUB socket, subscribed to the topics and connecting in the background.

    `high_water_mark` counts messages; `watched` are the events that its `get_monitor_socket()` reports, from
    before it connects on; `server` names the pinned key that the other end must have. Raises ConfigError,
    naming `setting`, for an impossible address.
    """
    check_zmq_address(address, setting)
    socket = _open(context, zmq.SUB, address, high_water_mark, max_part_bytes)
    context.protect_client(socket, server)
    for topic in topics:
        socket.subscribe(topic)
    if not watched:
        return _connected(socket, address, setting)
    monitor = socket.get_monitor_socket(watched)
    try:
        return _connected(socket, address, setting)
    except ConfigError:
        monitor.close(0)
        raise


def bind_publisher(
    context: Context, address: str, *, high_water_mark: int, setting: str, every_request: bool = False
) -> Socket:
    """A bound XPUB socket; port 0 or * takes a free one (see `bound_address`).

    `every_request` delivers the subscriptions of every peer, not only the first to each topic.
    Raises ConfigError for an impossible address, and for one that other computers reach without keys;
    AddressInUse where it cannot be bound. All name `setting`.
    """
    socket = _bind(context, zmq.XPUB, address, high_water_mark, MAX_REQUEST_BYTES, setting=setting)
    socket.setsockopt(zmq.XPUB_VERBOSE, int(every_request))
    return socket


def bind_server(
    context: Context, address: str, *, high_water_mark: int, max_part_bytes: int, setting: str
) -> Socket:
    """A bound ROUTER socket that answers requests. Raises as `bind_publisher`."""
    return _bind(context, zmq.ROUTER, address, high_water_mark, max_part_bytes, setting=setting)


def connect_client(context: Context, address: str, *, setting: str) -> Socket:
    """A REQ socket connecting in the background. Raises ConfigError for an impossible address."""
    check_zmq_address(address, setting)
    socket = _open(context, zmq.REQ, address, high_water_mark=1, max_part_bytes=-1)
    context.protect_client(socket, "node")
    return _connected(socket, address, setting)


def connect_control(context: Context, address: str, *, setting: str) -> Socket:
    """An XSUB socket that subscribes to nothing and sends requests up a results link. Raises ConfigError."""
    check_zmq_address(address, setting)
    socket = _open(context, zmq.XSUB, address, high_water_mark=1, max_part_bytes=MAX_REQUEST_BYTES)
    context.protect_client(socket, "node")
    return _connected(socket, address, setting)


def bound_address(socket: Socket) -> str:
    """The address of a bound socket, with the port that was really taken."""
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def _bind(
    context: Context, kind: int, address: str, high_water_mark: int, max_part_bytes: int, *, setting: str
) -> Socket:
    check_zmq_address(address, setting, bind=True)
    security = context.security
    if security.keys is None and not security.insecure and not is_loopback(address):
        raise ConfigError(
            f"{setting} = {address!r}: other computers can reach it, and nothing is encrypted: name keys in "
            "[security] (see `musse-stream keys --help`), or give --insecure"
        )
    if ipc_in_use(address):
        raise AddressInUse(f"cannot bind {address}: another program listens there; change {setting}")
    socket = _open(context, kind, address, high_water_mark, max_part_bytes)
    context.protect_server(socket)
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        socket.close()
        raise AddressInUse(f"cannot bind {address}: {error.strerror}; change {setting}") from error
    return socket


def _connected(socket: Socket, address: str, setting: str) -> Socket:
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        socket.close()
        raise ConfigError(f"{setting} = {address!r}: {error.strerror}; give it as tcp://HOST:PORT") from error
    return socket


def _open(context: Context, kind: int, address: str, high_water_mark: int, max_part_bytes: int) -> Socket:
    """A socket with every option that has to be set before bind or connect."""
    socket: Any = context.socket(kind)
    socket.linger = 0
    socket.sndhwm = socket.rcvhwm = high_water_mark
    socket.setsockopt(zmq.MAXMSGSIZE, max_part_bytes)
    socket.ipv6 = is_ipv6(address)
    # The operating system probes a silent peer: a pulled cable ends the link some 3 s later. ZeroMQ's own
    # heartbeats abort the process in libzmq 4.3.5 when the receive queue stays full for longer than their
    # time-out (issues 3937 and 4767), as in a viewer that pauses.
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES)
    return socket  # type: ignore[no-any-return]
