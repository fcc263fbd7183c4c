"""The other end of a link, in a process of its own: stamps every message and prints the stamps at the end.

python -m tools.bench.peer bare ADDRESS     RF frames: what pyzmq alone needs to receive and copy one
python -m tools.bench.peer strain ADDRESS   strain results of a node, with the time its engine took
"""

import json
import sys
import time

import numpy as np
import zmq

from streamer.headers import RfHeader, StrainHeader
from streamer.stopping import Stop
from streamer.wire import topic, unpack_header
from tools.processes import on_stop_signal

POLL_MS = 50
STEP_STAGES = ("prepare", "upload", "infer", "post", "fuse")
HIGH_WATER_MARK = 1000  # a measuring device loses nothing


def receive(kind: str, address: str, stop: Stop) -> list[tuple[int, int, float]]:
    """(frame_index, ns of the monotonic clock at arrival, s of the engine's step) of every message."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    link = context.socket(zmq.SUB)
    link.rcvhwm = HIGH_WATER_MARK
    link.connect(address)
    if kind == "strain":
        link.subscribe(topic("status"))
        link.recv_multipart()  # the node publishes: from here on nothing is missed
        link.subscribe(topic("strain"))
    else:
        link.subscribe(topic("rf"))
    print(json.dumps({"event": "ready"}), flush=True)  # noqa: T201 - read by the parent process
    stamps: list[tuple[int, int, float]] = []
    buffer = np.empty(0, np.uint8)
    while not stop.is_set():
        if not link.poll(POLL_MS):
            continue
        link.recv()
        header_bytes = link.recv()
        payload: bytes | None = None
        if kind == "bare" and buffer.size:
            link.recv_into(buffer.data)
        else:
            payload = link.recv() if link.getsockopt(zmq.RCVMORE) else b""
            while link.getsockopt(zmq.RCVMORE):
                link.recv()
        arrived = time.monotonic_ns()
        if kind == "bare" and payload:
            buffer = np.empty(len(payload), np.uint8)  # every later frame is copied into this
        header = unpack_header(header_bytes)
        if isinstance(header, RfHeader):
            stamps.append((header.frame_index, arrived, 0.0))
        elif isinstance(header, StrainHeader):
            step = sum(header.stage_seconds.get(stage, 0.0) for stage in STEP_STAGES)
            stamps.append((header.post_index, arrived, step))
    link.close(0)
    context.term()
    return stamps


if __name__ == "__main__":
    stop = Stop()
    on_stop_signal(stop.on_signal)
    print(json.dumps({"event": "stamps", "stamps": receive(sys.argv[1], sys.argv[2], stop)}))  # noqa: T201 - read by the parent
