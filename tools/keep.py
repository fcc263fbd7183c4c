"""Starts the tape process beside a node."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from streamer.config import Config
from tools.children import Child

_LOOPBACK: Final = {"tcp://0.0.0.0:": "tcp://127.0.0.1:", "tcp://[::]:": "tcp://[::1]:"}

log = logging.getLogger(__name__)


@contextmanager
def keeping(settings: Config, results: str) -> Iterator[Child | None]:
    """A tape process of the node that publishes at `results`, for as long as the block lasts.

    None where it is off, or cannot be started: that is logged, and the node runs all the same. Nothing waits
    for it; it reports `ready` with its address under `keep`.
    """
    keep = settings.keep
    if not keep.memory:
        yield None
        return
    arguments = ["tape", "--connect-rf", settings.input.connect, "--connect", reachable(results)]
    arguments += ["--bind", keep.bind, "--memory", str(keep.memory), "--folder", keep.folder or "."]
    arguments += ["--security", settings.security.model_dump_json()]
    arguments += ["--source", settings.input.source] if settings.input.source else []
    try:
        process = Child([*arguments, "--json"], "tools")
    except OSError as error:
        log.warning("nothing can be kept: the tape process does not start: %s", error)
        yield None
        return
    try:
        yield process
    finally:
        process.ask_to_stop()
        process.finish()


def reachable(address: str) -> str:
    """A bound address as one on this machine connects to it."""
    for wildcard, loopback in _LOOPBACK.items():
        if address.startswith(wildcard):
            return loopback + address.removeprefix(wildcard)
    return address
