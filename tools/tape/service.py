"""The tape process: subscribes to RF and results, holds them in memory, saves or serves them when asked.

One thread receives and answers; a tape is written by a second one, so that receiving goes on meanwhile.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from streamer.errors import MessageRefused
from streamer.headers import BmodeHeader, FusedHeader, RfHeader, StatusHeader, StrainHeader
from streamer.link import Link, wait_any
from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.sockets import Context, bind_server, bound_address, open_context
from streamer.stopping import Stop
from streamer.wire import decode, topic
from tools.errors import ToolError
from tools.tape.protocol import MAX_REQUEST, Request
from tools.tape.ring import Frame, Held, Ring
from tools.tape.saving import Saving

POLL: Final = 0.05
HIGH_WATER_MARK: Final = 256  # messages: a stall of this process must not make a hole
CLIENT_GONE_AFTER: Final = 30.0  # s without a request of a client that has frozen
MAX_CLIENTS: Final = 16
RESULTS: Final = ("strain", "fused", "bmode", "status")
_COLUMNS: Final = ("mean_strain", "quality", "median_ncc", "rejection")


@dataclass(slots=True)
class _Freeze:
    """A client's freeze."""

    end: int
    """ns, unix time: the span ends here."""
    heard: float
    """Monotonic time of its last request."""


@dataclass(slots=True)
class Counts:
    """What came and what did not."""

    received: int = 0
    missed: int = 0
    """RF frames by the holes in their numbers."""
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSettings:
    """Where a tape process listens and what it may use."""

    rf: str
    """Address of the scanner bridge or replay."""
    results: str
    """Address of the node's results."""
    bind: str
    """Address of the requests."""
    memory: int
    """Bytes of the ring."""
    folder: Path
    """Where tapes are saved; made when the first one is."""


def serve(settings: KeepSettings, stop: Stop, on_ready: Callable[[str], None]) -> Counts:
    """Run until `stop` is set or the parent process is gone; returns what was received.

    Raises AddressInUse where the address cannot be bound, ConfigError where one is impossible.
    """
    context = open_context()
    with ExitStack() as closing:
        closing.callback(context.term)
        return _Service(context, settings, closing).run(stop, on_ready)


class _Service:
    def __init__(self, context: Context, settings: KeepSettings, closing: ExitStack) -> None:
        self._ring = Ring(settings.memory)
        self._folder = settings.folder
        self._counts = Counts()
        self._last_index: dict[tuple[str, str], int] = {}
        self._status: dict[str, StatusHeader] = {}
        self._frozen: dict[str, _Freeze] = {}
        self._saving: Saving | None = None
        self._asker: list[bytes] = []
        self._last_saved: dict[str, Any] | None = None
        self._links = [
            Link(
                context,
                address,
                [topic(kind) for kind in kinds],
                high_water_mark=HIGH_WATER_MARK,
                setting=name,
            )
            for address, kinds, name in (
                (settings.rf, ("rf",), "address of the RF frames"),
                (settings.results, RESULTS, "address of the results"),
            )
        ]
        for link in self._links:
            closing.callback(link.close)
        self._requests = closing.enter_context(
            bind_server(
                context,
                settings.bind,
                high_water_mark=HIGH_WATER_MARK,
                max_part_bytes=MAX_REQUEST,
                setting="keep.bind",
            )
        )

    def run(self, stop: Stop, on_ready: Callable[[str], None]) -> Counts:
        on_ready(bound_address(self._requests))
        parent = os.getppid()
        try:
            while not stop.is_set() and os.getppid() == parent:
                ready = wait_any(self._links, POLL, self._requests)
                for link in self._links:
                    if link in ready:
                        self._receive(link)
                if self._requests in ready:
                    self._request()
                self._finish_saving()
                self._forget_gone_clients()
        finally:
            if self._saving is not None:
                self._saving.finish_now()
        return self._counts

    def _receive(self, link: Link) -> None:
        parts = [bytes(part) for part in link.receive()]
        now = time.time_ns()
        try:
            header = _checked(parts)
        except MessageRefused as refused:
            self._counts.refused[refused.reason] = self._counts.refused.get(refused.reason, 0) + 1
            return
        if isinstance(header, StatusHeader):
            self._status[header.source_id] = header
            return
        self._counts.received += 1
        if isinstance(header, RfHeader):
            stream = header.source_id, header.session_id
            last = self._last_index.get(stream)
            self._last_index = {stream: header.frame_index}
            if last is not None:
                self._counts.missed += max(0, header.frame_index - last - 1)
        message = Held(now, header, tuple(parts))
        self._ring.append(message)
        if self._saving is not None:
            self._saving.append(message)

    def _request(self) -> None:
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
                self._answer(route, self._state())
            case "freeze":
                self._freeze(route, request.client)
            case "unfreeze":
                self._frozen.pop(request.client, None)
                self._ring.pin(bool(self._frozen))
                self._answer(route, {})
            case "keep":
                self._keep(route, request)
            case "frames":
                held = self._ring.frames(self._end_of(request.client))
                self._answer(route, {"frames": [_row(frame, messages) for frame, messages in held]})
            case "frame":
                found = self._ring.frame((request.source, request.session, request.index), request.kinds)
                if not found:
                    self._refuse(route, f"frame {request.index} is not held")
                    return
                counts = [len(message.parts) for message in found]
                self._answer(route, {"counts": counts}, [part for m in found for part in m.parts])

    def _freeze(self, route: list[bytes], client: str) -> None:
        if not client:
            self._refuse(route, "freeze needs the name of the client")
        elif client not in self._frozen and len(self._frozen) >= MAX_CLIENTS:
            self._refuse(route, f"{MAX_CLIENTS} clients have frozen already")
        else:
            self._frozen.setdefault(client, _Freeze(time.time_ns(), time.monotonic()))
            self._ring.pin(True)
            self._answer(route, {})

    def _keep(self, route: list[bytes], request: Request) -> None:
        if self._saving is not None:
            self._refuse(route, "a tape is being written already")
            return
        frozen_at = self._end_of(request.client)
        end = frozen_at or time.time_ns()
        start = 0 if request.seconds is None else end - round(request.seconds * 1e9)
        span = self._ring.span(start, end)
        if not span:
            self._refuse(route, "nothing is held: no frame came yet")
            return
        after = 0.0 if frozen_at else request.after
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._saving = Saving(_free_name(self._folder), span, list(self._status.values()), after)
        except (OSError, ToolError) as error:
            self._refuse(route, str(error))
            return
        self._asker = route

    def _finish_saving(self) -> None:
        saving = self._saving
        if saving is None or not saving.done():
            return
        self._saving = None
        try:
            saved = saving.result()
        except ToolError as error:
            self._refuse(self._asker, str(error))
            return
        self._last_saved = saved
        self._answer(self._asker, saved)

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
            "missed": self._counts.missed,
            "saving": self._saving is not None,
            "last": self._last_saved,
        }

    def _answer(self, route: list[bytes], reply: Mapping[str, Any], parts: list[bytes] | None = None) -> None:
        text = json.dumps({"ok": True, **reply}).encode()
        self._requests.send_multipart([*route, text, *(parts or [])], copy=False)

    def _refuse(self, route: list[bytes], error: str) -> None:
        self._requests.send_multipart([*route, json.dumps({"ok": False, "error": error}).encode()])


def _checked(parts: list[bytes]) -> RfHeader | StrainHeader | FusedHeader | BmodeHeader | StatusHeader:
    """The header of a message whose parts fit it. Raises MessageRefused."""
    if parts[0].startswith(topic("rf")):
        header = read_rf_header(parts)
        read_rf_payload(parts, header)
        return header
    return decode(parts).header


def _row(frame: Frame, messages: Mapping[str, Held]) -> list[Any]:
    strain = messages["strain"].header if "strain" in messages else None
    columns = [getattr(strain, name, None) for name in _COLUMNS]
    received = min(message.received for message in messages.values()) * 1e-9
    return [*frame, received, list(messages), *columns]


def _free_name(folder: Path) -> Path:
    """A name by date and time that is not taken yet."""
    name = f"keep-{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S}"
    path, number = folder / f"{name}.mcap", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.mcap"
    return path
