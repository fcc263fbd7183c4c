"""Checks of the addresses that answer requests: health over HTTP, and the process that holds recent data."""

import http.client
import ssl
from typing import Final

from streamer.addresses import split_host_port
from streamer.config import Config
from streamer.errors import ConfigError
from tools.doctor.findings import Finding
from tools.errors import ToolError
from tools.keep import reachable
from tools.tape.protocol import KeepClient

REPLY: Final = 1.0
"""s to wait for an answer."""
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listened to by a node, connected to here


def check_http(config: Config) -> Finding:
    """Who answers at the address of metrics and health."""
    if not config.http.bind:
        return Finding("http", "ok", "metrics and health are turned off (http.bind is empty)")
    address = f"http://{config.http.bind}"
    host, port = split_host_port(config.http.bind, "http.bind")
    host = _ANY.get(host, host)
    link = http.client.HTTPConnection(host, port, timeout=REPLY)
    if config.http.certificate:
        address = f"https://{config.http.bind}"
        link = http.client.HTTPSConnection(host, port, timeout=REPLY, context=_expecting(config))
    try:
        link.request("GET", "/livez")
        text = link.getresponse().read(200).decode("ascii", "replace").strip()
    except ConnectionRefusedError:
        return Finding("http", "ok", f"nothing listens at {address}: no node, or one with another http.bind")
    except (OSError, http.client.HTTPException) as error:
        text = f"no HTTP: {type(error).__name__}"
    finally:
        link.close()
    if text == "alive":
        return Finding("http", "ok", f"a node answers at {address}: alive")
    if text.startswith("no progress"):
        return Finding("http", "fault", f"the node at {address} is stuck: {text}", "restart the node")
    remedy = "change http.bind: `run` cannot use this address"
    return Finding("http", "attention", f"another program answers at {address}", remedy)


def _expecting(config: Config) -> ssl.SSLContext:
    """Trusts the configured certificate itself, whoever signed it. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it names this computer as others call it
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(config.http.certificate)
    except OSError as error:
        raise ConfigError(f"http.certificate: {config.http.certificate} cannot be read: {error}") from error
    return context


def check_keep(config: Config) -> Finding:
    """Whether the process that holds what was just seen answers."""
    address = reachable(config.keep.bind)
    if not config.keep.memory:
        return Finding("keep", "ok", "nothing is held in memory (keep.memory is 0)")
    try:
        with KeepClient(address, "doctor") as client:
            state = client.ask({"do": "state"}, REPLY)
    except ConfigError as error:
        return Finding("keep", "fault", str(error), "correct keep.bind in the configuration")
    except ToolError:
        return Finding("keep", "ok", f"no node holds recent data at {address}")
    amount = f"{state['seconds']:.0f} s, {state['bytes'] / 1e6:.0f} of {state['limit'] / 1e6:.0f} MB"
    return Finding("keep", "ok", f"the node holds the last {amount} at {address}")
