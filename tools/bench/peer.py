"""The other end of a link, in a process of its own: stamps every message and prints the stamps at the end.

python -m tools.bench.peer bare ADDRESS     RF frames: what pyzmq alone needs to receive and copy one
python -m tools.bench.peer strain ADDRESS   strain results of a node, with the time of each of its stages
"""

import json
import sys
import time
from contextlib import ExitStack
from typing import TypeAlias

import numpy as np

from streamer.headers import StrainHeader
from streamer.link import Link
from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.sockets import open_context
from streamer.stopping import Stop
from streamer.wire import decode, topic
from tools.processes import on_stop_signal

POLL = 0.05  # s; how soon a stop is noticed
HIGH_WATER_MARK = 1000  # a measuring device loses nothing


Stamp: TypeAlias = tuple[int, int, dict[str, float]]
"""frame_index, ns of the monotonic clock at arrival, s of each stage of the node."""


def receive(kind: str, address: str, stop: Stop) -> list[Stamp]:
    """The stamp of every message; frames have no stages.

    Raises MessageRefused for a message that breaks the protocol: the figures would not be those of the node.
    """
    stamps: list[Stamp] = []
    with ExitStack() as closing:
        context = open_context()
        closing.callback(context.term)
        first = topic("status" if kind == "strain" else "rf")
        link = Link(context, address, [first], high_water_mark=HIGH_WATER_MARK, setting="ADDRESS")
        closing.callback(link.close)
        if kind == "strain":
            while not link.wait(POLL):  # the node publishes: from here on nothing is missed
                if stop.is_set():
                    return stamps
            link.subscribe(topic("strain"))
        print(json.dumps({"event": "ready"}), flush=True)  # noqa: T201 - read by the parent process
        buffer = np.empty(0, np.uint8)
        while not stop.is_set():
            if not link.wait(POLL):
                continue
            parts = link.receive()
            if kind == "bare" and buffer.size == len(parts[-1]):
                buffer[:] = np.frombuffer(parts[-1], np.uint8)
            arrived = time.monotonic_ns()
            if kind == "bare":
                header = read_rf_header(parts)
                payload = read_rf_payload(parts, header)
                if buffer.size != len(payload):
                    buffer = np.empty(len(payload), np.uint8)  # every later frame is copied into this
                stamps.append((header.frame_index, arrived, {}))
            else:
                result = decode([bytes(part) for part in parts]).header
                if isinstance(result, StrainHeader):
                    stamps.append((result.post_index, arrived, dict(result.stage_seconds)))
    return stamps


if __name__ == "__main__":
    stop = Stop()
    on_stop_signal(stop.on_signal)
    print(json.dumps({"event": "stamps", "stamps": receive(sys.argv[1], sys.argv[2], stop)}))  # noqa: T201 - read by the parent
