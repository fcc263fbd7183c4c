"""Answers of the tape process: state, freeze, keep and frames, as `tools.tape.protocol` states them."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from streamer.headers import StatusHeader
from streamer.sockets import Socket
from streamer.system import steady_ns, unix_ahead_ns
from tools.errors import DiskFull, RecordingError, ToolError
from tools.part import is_disk_full
from tools.tape.protocol import Request
from tools.tape.ring import Frame, Held, Ring
from tools.tape.saving import Saving

CLIENT_GONE_AFTER: Final = 30.0  # s without a request of a client that has frozen
RECORDER_GONE_AFTER: Final = 3.0  # s without an announcement
MAX_CLIENTS: Final = 16
_COLUMNS: Final = ("mean_strain", "quality", "median_ncc", "rejection")


@dataclass(slots=True)
class _Freeze:
    """A client's freeze."""

    end: int
    """ns, by `steady_ns`: the span ends here."""
    heard: float
    """Monotonic time of its last request."""


class Answers:
    """Answers requests about one ring on a ROUTER socket. One thread: that of the socket."""

    def __init__(self, ring: Ring, requests: Socket, folder: Path) -> None:
        self.missed = 0
        """RF frames by the holes in their numbers."""
        self.status: dict[str, StatusHeader] = {}
        """The last status of every node."""
        self._ring = ring
        self._requests = requests
        self._folder = folder
        self._frozen: dict[str, _Freeze] = {}
        self._recorder_heard = -RECORDER_GONE_AFTER  # monotonic time
        self._saving: Saving | None = None
        self._asker: list[bytes] = []
        self._last_saved: dict[str, Any] | None = None

    def update(self, message: Held) -> None:
        """Hold a message that came, and write it where a tape goes on."""
        self._ring.append(message)
        if self._saving is not None:
            self._saving.append(message)

    def tick(self) -> None:
        """Answer a keep whose tape is complete, and forget clients that are gone."""
        self._finish_saving()
        self._forget_gone_clients()

    def close(self) -> None:
        """Complete the tape that is being written."""
        if self._saving is not None:
            self._saving.finish_now()

    def answer(self) -> None:
        """Take one request and answer it, unless the answer has to wait for a tape."""
        identity, *parts = self._requests.recv_multipart()
        if len(parts) != 2:  # not of a REQ socket: nothing waits for an answer
            return
        route = [identity, parts[0]]
        try:
            request = Request.model_validate_json(parts[1])
        except ValidationError as error:
            mistake = error.errors(include_url=False)[0]
            place = ".".join(map(str, mistake["loc"])) or "request"
            self._refuse(route, f"{place}: {mistake['msg']}")
            return
        if request.client in self._frozen:
            self._frozen[request.client].heard = time.monotonic()
        match request.do:
            case "state":
                self._reply(route, self._state())
            case "recording":
                self._recorder_heard = time.monotonic()
                self._reply(route, {})
            case "freeze":
                self._freeze(route, request.client)
            case "unfreeze":
                self._frozen.pop(request.client, None)
                self._ring.pin(bool(self._frozen))
                self._reply(route, {})
            case "keep":
                self._keep(route, request)
            case "frames":
                frames = self._ring.frames(self._end_of(request.client))
                self._reply(route, {"frames": [_row(frame, messages) for frame, messages in frames]})
            case "frame":
                found = self._ring.frame((request.source, request.session, request.index), request.kinds)
                if not found:
                    self._refuse(route, f"frame {request.index} is not held")
                    return
                counts = [len(message.parts) for message in found]
                self._reply(route, {"counts": counts}, [part for m in found for part in m.parts])

    def _freeze(self, route: list[bytes], client: str) -> None:
        if not client:
            self._refuse(route, "freeze needs the name of the client")
        elif client not in self._frozen and len(self._frozen) >= MAX_CLIENTS:
            self._refuse(route, f"{MAX_CLIENTS} clients have frozen already")
        else:
            self._frozen.setdefault(client, _Freeze(steady_ns(), time.monotonic()))
            self._ring.pin(True)
            self._reply(route, {})

    def _keep(self, route: list[bytes], request: Request) -> None:
        if self._saving is not None:
            self._refuse(route, "a tape is being written already")
            return
        frozen_at = self._end_of(request.client)
        end = frozen_at or steady_ns()
        start = 0 if request.seconds is None else end - round(request.seconds * 1e9)
        span = self._ring.span(start, end)
        if not span:
            self._refuse(route, "nothing is held: no frame came yet")
            return
        after = 0.0 if frozen_at else request.after
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._saving = self._new_tape(span, after)
        except (OSError, ToolError) as error:
            self._refuse(route, str(error), full=_full(error))
            return
        self._asker = route

    def _new_tape(self, span: Sequence[Held], after: float) -> Saving:
        """Under the first name that is free; that of another tape process may be taken just now."""
        for path in _names(self._folder):
            try:
                return Saving(path, span, list(self.status.values()), after)
            except RecordingError as error:
                if not isinstance(error.__cause__, FileExistsError):
                    raise
        raise AssertionError("there is no end of names")

    def _finish_saving(self) -> None:
        saving = self._saving
        if saving is None or not saving.done():
            return
        self._saving = None
        try:
            saved = saving.result()
        except ToolError as error:
            self._refuse(self._asker, str(error), full=_full(error))
            return
        self._last_saved = saved
        self._reply(self._asker, saved)

    def _forget_gone_clients(self) -> None:
        now = time.monotonic()
        gone = [name for name, freeze in self._frozen.items() if now - freeze.heard > CLIENT_GONE_AFTER]
        for name in gone:
            del self._frozen[name]
        if gone:
            self._ring.pin(bool(self._frozen))

    def _end_of(self, client: str) -> int | None:
        return self._frozen[client].end if client in self._frozen else None

    def _state(self) -> dict[str, Any]:
        ring = self._ring
        return {
            "seconds": ring.seconds,
            "bytes": ring.n_bytes,
            "limit": ring.limit,
            "frozen": bool(self._frozen),
            "not_held": ring.not_held,
            "missed": self.missed,
            "saving": self._saving is not None,
            "recording": self._saving is not None
            or time.monotonic() - self._recorder_heard < RECORDER_GONE_AFTER,
            "last": self._last_saved,
        }

    def _reply(self, route: list[bytes], reply: Mapping[str, Any], parts: list[bytes] | None = None) -> None:
        text = json.dumps({"ok": True, **reply}).encode()
        self._requests.send_multipart([*route, text, *(parts or [])], copy=False)

    def _refuse(self, route: list[bytes], error: str, *, full: bool = False) -> None:
        reply = {"ok": False, "error": error, **({"disk": "full"} if full else {})}
        self._requests.send_multipart([*route, json.dumps(reply).encode()])


def _full(error: Exception) -> bool:
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and is_disk_full(error))


def _row(frame: Frame, messages: Mapping[str, Held]) -> list[Any]:
    strain = messages["strain"].header if "strain" in messages else None
    columns = [getattr(strain, name, None) for name in _COLUMNS]
    received = (min(message.at for message in messages.values()) + unix_ahead_ns()) * 1e-9
    return [*frame, received, list(messages), *columns]


def _names(folder: Path) -> Iterator[Path]:
    """Names by date and time; from the second on they are numbered."""
    name = f"keep-{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S}"
    yield folder / f"{name}.mcap"
    yield from (folder / f"{name}-{number}.mcap" for number in count(2))
