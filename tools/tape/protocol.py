"""Asking the tape process: one request and one reply on a loopback ZeroMQ socket.

A request is one part, a JSON object with `do` and the fields below; `client` names the window or page that
asks (up to 32 characters) and is needed by freeze and unfreeze. A reply has one JSON part, with `"ok": true`
and the fields below; after that of `frame` come binary parts. `{"ok": false, "error": TEXT}` answers what
cannot be done, with `"disk": "full"` where that is the cause.

    {"do": "state"}             seconds   s from the oldest message held to the newest
                                bytes, limit   memory held, and the most that may be
                                frozen    whether any client has frozen
                                not_held  messages that had no room while frozen
                                missed    RF frames that never arrived, by their numbers
                                saving    whether a tape is being written
                                recording  whether one is, or `record` runs
                                last      what the last keep answered, or null
    {"do": "recording"}         the client records; it repeats that at least every 3 s
    {"do": "freeze"}            holds everything received until now, until unfreeze. A client of which nothing
                                is heard for 30 s is taken for gone; any request of it counts.
    {"do": "unfreeze"}          lets the ring turn again
    {"do": "keep",              writes a tape of the last `seconds` (null: all that is held) and, where
     "seconds": 20,             `after` is given, of that many seconds to come. The span ends now, or for a
     "after": 0}                client that has frozen when it froze. The reply comes when the file is
                                complete: path, messages, seconds, bytes
    {"do": "frames"}            frames held, oldest first, up to the client's freeze. Each is a list of
                                source_id, session_id, frame_index, received (unix s), kinds,
                                mean_strain, quality, median_ncc, rejection (null where no strain is held)
    {"do": "frame",             the messages of one frame of these kinds that are held, each as on the wire
     "source": "replay",        (topic, header, arrays; `streamer.wire.decode`) in the parts after the JSON;
     "session": "1",            `counts`: how many parts each message has
     "index": 17,
     "kinds": ["bmode", "fused", "strain"]}

    with KeepClient("tcp://127.0.0.1:5564", "window") as keep:
        keep.ask({"do": "freeze"})
        print(keep.ask({"do": "keep", "seconds": 20})["path"])
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, Literal, Self

import zmq
from pydantic import BaseModel, ConfigDict, Field
from zmq.utils.monitor import recv_monitor_message

from streamer.curve import PLAIN, Security
from streamer.errors import ConfigError
from streamer.headers import SourceId
from streamer.link import PEER
from streamer.sockets import Socket, connect_client, open_context
from streamer.wire import Message, decode
from tools.errors import DiskFull, ToolError

DEFAULT_ADDRESS: Final = "tcp://127.0.0.1:5564"
MAX_REQUEST: Final = 4096  # bytes
KEPT_SECONDS: Final = 20.0
"""What one key press saves of a live image."""
SAVE_WITHIN: Final = 30.0  # s for a tape on a slow disk
REPLY_WITHIN: Final = 5.0  # s, beside the seconds that a keep is to go on
_REFUSED: Final = (zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
ResultKind = Literal["strain", "fused", "bmode"]


class Request(BaseModel):
    """A checked request; see the module's text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    do: Literal["state", "recording", "freeze", "unfreeze", "keep", "frames", "frame"]
    client: Annotated[str, Field(max_length=32)] = ""
    seconds: Annotated[float, Field(gt=0, le=1e6)] | None = None
    after: Annotated[float, Field(ge=0, le=3600)] = 0.0
    source: SourceId = "none"
    session: Annotated[str, Field(max_length=64)] = ""
    index: Annotated[int, Field(ge=0, lt=2**63)] = 0
    kinds: Annotated[list[ResultKind | Literal["rf"]], Field(max_length=4)] = ["bmode", "fused", "strain"]


def keep_request(*, frozen: bool) -> dict[str, Any]:
    """What the window's key and the page ask for: the last seconds, or all that the client's freeze pins."""
    return {"do": "keep", "seconds": None if frozen else KEPT_SECONDS}


def saved_text(reply: Mapping[str, Any]) -> str:
    """The answer to a keep for people."""
    path = Path(reply["path"])
    size = f"{reply['bytes'] / 1e6:.1f} MB, {reply['messages']} messages"
    return f"saved the last {reply['seconds']:.1f} s as {path.name} ({size}) in {path.parent}"


class KeepClient:
    """Asks one tape process. One thread; close it."""

    def __init__(self, address: str = DEFAULT_ADDRESS, client: str = "", security: Security = PLAIN) -> None:
        self.address = address
        self._client = client
        self._context = open_context(security)
        try:
            self._socket = self._connect()
        except ConfigError:
            self._context.term()
            raise

    def ask(self, request: Mapping[str, Any], within: float = REPLY_WITHIN) -> dict[str, Any]:
        """The JSON of the reply.

        Raises ToolError where nobody answers in time or with the reply's error, DiskFull where that is one.
        """
        return self._ask(request, within)[0]

    def frame(self, source: str, session: str, index: int, kinds: Sequence[ResultKind]) -> list[Message]:
        """The decoded results of one frame that the ring still holds. Raises as `ask`."""
        asked = {"do": "frame", "source": source, "session": session, "index": index, "kinds": list(kinds)}
        reply, parts = self._ask(asked, REPLY_WITHIN)
        messages = []
        for count in reply["counts"]:
            messages.append(decode(parts[:count]))
            parts = parts[count:]
        return messages

    def close(self) -> None:
        """Close the socket."""
        self._disconnect()
        self._context.term()

    def _ask(self, request: Mapping[str, Any], within: float) -> tuple[dict[str, Any], list[bytes]]:
        self._socket.send(json.dumps({"client": self._client, **request}).encode())
        if not self._socket.poll(round(within * 1000)):
            why = self._refusal() or "is the node running, with [keep] on?"
            self._disconnect()  # a REQ socket that waits for a reply takes no second request
            self._socket = self._connect()
            raise ToolError(f"no answer from {self.address} within {within:g} s: {why}")
        text, *parts = self._socket.recv_multipart()
        reply: dict[str, Any] = json.loads(text)
        if not reply["ok"]:
            raise (DiskFull if reply.get("disk") == "full" else ToolError)(reply["error"])
        return reply, parts

    def _connect(self) -> Socket:
        socket = connect_client(self._context, self.address, setting="address of keep")
        self._monitor = socket.get_monitor_socket(sum(_REFUSED))
        return socket

    def _disconnect(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)

    def _refusal(self) -> str:
        """Why the other end took no link, in words; "" where that is not known."""
        events = set()
        while self._monitor.poll(0):
            events.add(recv_monitor_message(self._monitor)["event"])
        return next((PEER[event] for event in _REFUSED if event in events), "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
