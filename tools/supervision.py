"""The node as a child of this process, which starts it again when it hangs or dies.

    node: a line at least as often as it promises -> this process: in time? else end it and start another

No frame passes through here, and nothing that could hang with the engine: no socket, no torch.
"""

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from streamer.config import Config
from streamer.reasons import RESTARTS, Restart
from streamer.stopping import Stop
from tools.children import CRASHED, Child
from tools.errors import NodeEnded
from tools.processes import few_arenas
from tools.systemd import notify

STARTING_AT_MOST: Final = 120.0  # s to the first line of a process; a slow disk, a cold cache
POLL: Final = 0.05  # s
NOTIFIED: Final = 1.0  # s between two notifications of the service manager's watchdog
SUSPENDED: Final = 1.0  # s that this process did not run: what the node sent meanwhile is read first
SOON: Final = 30.0  # s between two restarts that are no coincidence
APART: Final = 5.0  # s between the starts of two nodes then: failing at once keeps no core busy

log = logging.getLogger(__name__)


def supervise(
    settings: Config,
    stop: Stop,
    on_ready: Callable[[dict[str, Any]], Callable[[], None]],
    *,
    log_json: bool = False,
) -> dict[str, Any] | None:
    """Run a node until `stop` is set; returns its summary with the number of `restarts`.

    None where it had to be killed. `on_ready` gets the fields of the first `ready`, and returns what is to be
    called many times a second from then on; later nodes bind the same addresses. Raises NodeEnded where the
    node ends by itself with a code of its own, such as that of a wrong configuration: another would end like
    it.
    """
    restarts: Counter[Restart] = Counter()
    failed, announced = -math.inf, False

    def look() -> None:
        """Nothing beside the node before the first one is ready."""

    while True:
        node = _Node(settings, restarts, log_json=log_json)
        try:
            ready = node.wait_until_ready(stop)
            if ready is not None and not announced:
                settings, announced = _bound(settings, ready), True
                look = on_ready(ready)
                notify("READY=1")
            failure = node.watch(stop, look)
        finally:
            summary = node.end()
        if failure is None:
            if summary is None:
                log.warning("the node did not end in time and was killed: there is no summary")
                return None
            return {**summary, "restarts": restarts.total()}
        restarts[failure] += 1
        log.error("%s: it is started again", RESTARTS[failure])
        again, failed = time.monotonic() - failed < SOON, time.monotonic()
        if again and stop.wait(max(0.0, node.begun + APART - failed)):
            return None


class _Node:
    """One child process with what it promised last."""

    def __init__(self, settings: Config, restarts: Counter[Restart], *, log_json: bool) -> None:
        own = settings.model_dump_json(include=set(Config.model_fields))
        arguments = ["node", "--settings", own, "--restarts", json.dumps(restarts)]
        self._child = Child([*arguments, *["--log-json"] * log_json], "tools", few_arenas())
        self.begun = self._due = self._looked = self._notified = time.monotonic()
        self._promised(STARTING_AT_MOST)
        self._ready: dict[str, Any] | None = None
        self._summary: dict[str, Any] | None = None
        self._failure: Restart | None = None

    def wait_until_ready(self, stop: Stop) -> dict[str, Any] | None:
        """The fields of `ready`; None where it failed or `stop` is set first. Raises NodeEnded."""
        while self._ready is None and self._failure is None and not stop.is_set():
            self._turn()
        return self._ready

    def watch(self, stop: Stop, look: Callable[[], None]) -> Restart | None:
        """Wait until the node fails, and return why; None where `stop` is set first. Raises NodeEnded."""
        while self._failure is None and not stop.is_set():
            self._turn()
            look()
        return None if stop.is_set() else self._failure

    def end(self) -> dict[str, Any] | None:
        """End it: politely, unless it hangs. Returns its summary, None where it gave none."""
        if self._failure == "hung":
            self._child.kill()
        elif self._failure is None:
            notify("STOPPING=1")
            self._child.ask_to_stop()
        self._child.finish()
        while (fields := self._child.next_event(0.0)) is not None and fields["event"] != "end":
            self._take(fields)
        return self._summary

    def _turn(self) -> None:
        fields = self._child.next_event(POLL)
        now = time.monotonic()
        if now - self._looked > SUSPENDED:
            self._promised(SUSPENDED)  # its lines may be waiting to be read
        self._looked = now
        if now - self._notified > NOTIFIED:
            self._notified = now
            notify("WATCHDOG=1")  # of this process: the node's promises are judged here
        if fields is not None:
            self._take(fields)
        elif now > self._due:
            self._failure = "hung"

    def _take(self, fields: dict[str, Any]) -> None:
        match fields["event"]:
            case "turn":
                self._due = time.monotonic() + fields["within"]
            case "ready":
                self._ready = {key: value for key, value in fields.items() if key != "event"}
            case "summary":
                self._summary = {key: value for key, value in fields.items() if key != "event"}
            case "end":
                code = self._child.finish()
                if code >= 0 and (code != CRASHED or self._ready is None):
                    raise NodeEnded(code)
                self._failure = "died"

    def _promised(self, seconds: float) -> None:
        self._due = max(self._due, time.monotonic() + seconds)


def _bound(settings: Config, ready: dict[str, Any]) -> Config:
    """The settings with the addresses that were really bound, so that displays find the next node."""
    output = settings.output.model_copy(update={"bind": ready["results"]})
    http = settings.http.model_copy(update={"bind": ready["http"] or ""})
    return settings.model_copy(update={"output": output, "http": http})
