# Sends RF frames to musse-stream as a scanner bridge does; docs/protocol.md explains every header field.
import sys
import time

import msgpack
import numpy as np
import zmq

SHAPE, FS, FC, RATE = (2000, 64), 40e6, 5e6, 20  # (samples, lines), Hz, Hz, frames per second
pulse = 500 * np.hanning(41) * np.cos(2 * np.pi * FC / FS * np.arange(-20, 21))
tissue = [np.convolve(line, pulse, "same") for line in np.random.default_rng(0).normal(size=SHAPE[::-1])]


def acquire(k):  # your scanner's frame k, here made up: pressed by 0.2 % per frame ten times, then let go
    depth = np.arange(SHAPE[0]) * (1 + 0.002 * (10 - abs(k % 20 - 10)))
    return np.array([np.interp(depth, np.arange(SHAPE[0]), line) for line in tissue]).astype("<i2")


link = zmq.Context().socket(zmq.PUB)
link.sndhwm = 64  # the default of 1000 frames is gigabytes for one stuck receiver
link.bind(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5560")
print("sending on", link.last_endpoint.decode(), flush=True)
header = {"schema": "musse.rf", "version": 1, "source_id": "example", "session_id": str(time.time_ns()),
          "clock": "unix", "kind": "rf", "shape": SHAPE, "axes": "lateral,axial", "dtype": "<i2",
          "sampling_frequency": FS, "center_frequency": FC,  # Hz
          "probe_type": "linear", "line_pitch": 0.3e-3}  # m  # fmt: skip
for k in range(2**63):
    numbers = {"frame_index": k, "t_acq": time.time_ns()}
    link.send_multipart([b"rf/example/", msgpack.packb(header | numbers), acquire(k)])
    time.sleep(1 / RATE)
