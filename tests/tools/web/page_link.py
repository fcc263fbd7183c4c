"""Messages of the page's link, as a browser reads and answers them."""

import json
import struct
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    (length,) = struct.unpack_from("<I", message)
    fields = json.loads(message[4 : 4 + length])
    arrays = {}
    for entry in fields["arrays"]:
        kind = {"f4": np.float32, "u1": np.uint8}[entry["dtype"]]
        start = 4 + length + entry["offset"]
        assert start % 4 == 0
        count = int(np.prod(entry["shape"]))
        arrays[entry["name"]] = np.frombuffer(message, kind, count, start).reshape(entry["shape"])
    return fields, arrays


def ask(socket: ClientConnection, request: dict[str, Any] | str) -> dict[str, Any]:
    """The text reply to a request; binary messages in between are acknowledged."""
    socket.send(request if isinstance(request, str) else json.dumps(request))
    while isinstance(reply := socket.recv(timeout=30), bytes):
        socket.send(json.dumps({"do": "next"}))
    return json.loads(reply)  # type: ignore[no-any-return]


def drain(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=30)
