"""Addresses of sockets, checked before a socket sees them: libzmq accepts some that cannot be meant.

libzmq 4.3.5 takes port 99999 modulo 65536, connects to a malformed host for ever without an error, and on
bind deletes whatever file an ipc address names.
"""

import ipaddress
import re
import stat
from pathlib import Path
from typing import Final

from streamer.errors import ConfigError
from streamer.system import listens

MAX_PORT: Final = 65535
_TCP: Final = re.compile(r"tcp://(?:[^;]*;)?(?P<host>\[[^\[\]]*\]|[^:;/\[\]]+):(?P<port>[0-9]+|\*)")
_HOST_PORT: Final = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:/\[\]]+):(?P<port>[0-9]+)")
_NUMERIC: Final = re.compile(r"[0-9.]+")


def check_zmq_address(address: str, setting: str, *, bind: bool = False) -> None:
    """Raise ConfigError, naming `setting`, unless this is tcp://HOST:PORT or ipc://PATH.

    HOST is a name, an IPv4 address, an IPv6 address in brackets, or (bind only) * or a network interface.
    """
    if address.startswith("ipc://"):
        _check_ipc(address, setting)
        return
    found = _TCP.fullmatch(address)
    if found is None:
        raise ConfigError(
            f"{setting} = {address!r}: give it as tcp://HOST:PORT, such as tcp://127.0.0.1:5560; "
            "an IPv6 address stands in brackets, as in tcp://[::1]:5560"
        )
    _check_host(found["host"], address, setting)
    if found["port"] != "*":
        _check_port(int(found["port"]), address, setting)
    if not bind and found["port"] in ("*", "0"):
        raise ConfigError(f"{setting} = {address!r}: a port to connect to is a number from 1 to {MAX_PORT}")


def split_host_port(address: str, setting: str) -> tuple[str, int]:
    """Host without brackets, and port, of HOST:PORT or [IPV6]:PORT. Raises ConfigError naming `setting`."""
    found = _HOST_PORT.fullmatch(address)
    if found is None:
        raise ConfigError(f"{setting} = {address!r}: must be host:port, such as 127.0.0.1:5562")
    _check_host(found["host"], address, setting)
    _check_port(int(found["port"]), address, setting)
    return found["host"].strip("[]"), int(found["port"])


def is_ipv6(address: str) -> bool:
    """Whether the host of the address is an IPv6 address in brackets."""
    found = _TCP.fullmatch(address)
    return found is not None and found["host"].startswith("[")


def is_loopback(address: str) -> bool:
    """Whether only this computer can be at the other end; a host name other than localhost may be any."""
    found = _TCP.fullmatch(address)
    if found is None:
        return address.startswith("ipc://")
    host = found["host"].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ipc_in_use(address: str) -> bool:
    """Whether a program listens on this ipc address; libzmq would take the address over silently."""
    path = _ipc_path(address)
    return path is not None and listens(path)


def _check_host(host: str, address: str, setting: str) -> None:
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
        elif _NUMERIC.fullmatch(host):
            ipaddress.IPv4Address(host)
    except ValueError as error:
        raise ConfigError(f"{setting} = {address!r}: {host} is no IP address") from error


def _check_port(port: int, address: str, setting: str) -> None:
    if port > MAX_PORT:
        raise ConfigError(f"{setting} = {address!r}: there is no port {port}; the largest is {MAX_PORT}")


def _check_ipc(address: str, setting: str) -> None:
    if address == "ipc://":
        raise ConfigError(f"{setting} = {address!r}: give it as ipc://PATH")
    path = _ipc_path(address)
    if path is not None and _is_other_file(path):
        raise ConfigError(f"{setting} = {address!r}: {path} exists and is no socket; choose another path")


def _is_other_file(path: Path) -> bool:
    """Whether something is there that is no socket; one look, as a program that ends removes its socket."""
    try:
        return not stat.S_ISSOCK(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _ipc_path(address: str) -> Path | None:
    """The file of an ipc address; None for other transports, a wildcard and Linux's abstract names."""
    name = address.removeprefix("ipc://")
    return None if name in (address, "*") or name.startswith("@") else Path(name)
