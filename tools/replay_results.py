"""Publishes the results of a file as a node would: same messages, same timing, and a status beside them."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import zmq

from streamer.curve import PLAIN, Security
from streamer.headers import BmodeHeader, ResultHeader, StatusHeader, StrainHeader
from streamer.sockets import bind_publisher, bound_address, open_context
from streamer.stopping import Stop
from streamer.wire import encode, pack_header
from tools.formats.tape import taped_acquisitions
from tools.results.description import holds_results
from tools.results.messages import result_messages
from tools.tape.layout import SUFFIX
from tools.tape.reader import Tape

HIGH_WATER_MARK: Final = 64  # messages
STATUS_EVERY: Final = 0.2  # s
LONGEST_PAUSE: Final = 2.0  # s; a longer one in the file is played as this


def replay_results(
    path: Path,
    stop: Stop,
    *,
    bind: str,
    loop: bool = False,
    speed: float = 1.0,
    wait_subscribers: int = 0,
    security: Security = PLAIN,
    on_ready: Callable[[str], None] = lambda address: None,
) -> int:
    """Send the results of `path` until they end or `stop` is set; returns how many pairs were sent.

    With `loop` they start anew at the end, as a new session. Raises RecordingError, AddressInUse,
    ConfigError.
    """
    context = open_context(security)
    link = None
    try:
        link = bind_publisher(
            context, bind, high_water_mark=HIGH_WATER_MARK, setting="--bind", every_request=True
        )
        on_ready(bound_address(link))
        player = _Player(link, stop)
        present = 0
        while present < wait_subscribers and not stop.is_set():
            if link.poll(50):
                present += link.recv()[:1] == b"\x01"
        while not stop.is_set():
            player.play(path, speed)
            if not loop:
                break
        return player.pairs
    finally:
        if link is not None:
            link.close(0 if stop.is_set() else 2000)
        context.term()


def holds_only_results(path: Path) -> bool:
    """Whether it is a result file, or a tape without RF frames. Raises RecordingError for a damaged tape."""
    if path.suffix.lower() != SUFFIX:
        return holds_results(path)
    with Tape(path) as tape:
        return not taped_acquisitions(tape) and tape.condition.read > 0


class _Player:
    def __init__(self, link: "zmq.Socket[bytes]", stop: Stop) -> None:
        self.pairs = 0
        self._valid = 0
        self._link, self._stop = link, stop
        self._status_due = 0.0
        self._last: StrainHeader | None = None

    def play(self, path: Path, speed: float) -> None:
        """Send every message once, at its time."""
        session = uuid.uuid4().hex[:8]
        due, before = time.monotonic(), None
        for at, header, (name, _, *arrays) in result_messages(path):
            pause = 0.0 if before is None else min(max(0.0, (at - before) * 1e-9 / speed), LONGEST_PAUSE)
            due, before = due + pause, at
            if not self._wait_until(due):
                return
            resent: ResultHeader = header.model_copy(update=self._changes(header, session))
            self._link.send_multipart([name, pack_header(resent), *arrays])
            if isinstance(header, StrainHeader):
                self.pairs += 1
                self._valid += header.rejection is None
                self._last = header

    def _changes(self, header: ResultHeader, session: str) -> dict[str, str]:
        """Every turn is a session of its own, and nothing of it is live."""
        changes = {} if isinstance(header, BmodeHeader) else {"origin": "replay"}
        if not isinstance(header, StatusHeader):
            changes["session_id"] = f"{session}-{header.session_id}"[:64]
        return changes

    def _wait_until(self, due: float) -> bool:
        """Send status messages until then; False where it is to stop."""
        while True:
            now = time.monotonic()
            if now >= self._status_due:
                self._status_due = now + STATUS_EVERY
                self._send_status()
            if now >= due:
                return not self._stop.is_set()
            if self._stop.wait(min(due, self._status_due) - now):
                return False

    def _send_status(self) -> None:
        last = self._last
        status = StatusHeader(
            source_id=last.source_id if last else "none", state="REPLAY" if last else "WAITING",
            origin="replay",
            reasons=(), engine=last.engine if last else "none", engine_note="results of a file",
            pairing="as recorded", policy="every", frame_rate=None, frame_age=None, received=self.pairs,
            refused={}, overwritten=0, lost=0, published_valid=self._valid,
            published_no_value=self.pairs - self._valid, in_flight=0, latency_p50=None, latency_p99=None,
            status_interval=STATUS_EVERY,
        )  # fmt: skip
        self._link.send_multipart(encode("status", status))
