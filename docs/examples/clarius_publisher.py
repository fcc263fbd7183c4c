# Sends the live RF of a Clarius scanner with a linear probe to musse-stream, through Clarius' cast library.
#   python clarius_publisher.py SCANNER_IP PORT CENTER_FREQUENCY_HZ [ADDRESS]
# Switch on RF streaming in the Clarius app first: about every third frame is then RF, in a part of the width.
import sys
import time
from itertools import count
from pathlib import Path

import msgpack
import numpy as np
import pyclariuscast
import zmq

host, port, center_frequency = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
SOUND_SPEED = 1540.0  # m/s, what Clarius' micrometres per sample assume
link = zmq.Context().socket(zmq.PUB)
link.sndhwm = 64  # the default of 1000 frames is gigabytes for one stuck receiver
link.bind(sys.argv[4] if len(sys.argv) > 4 else "tcp://127.0.0.1:5560")
print("sending on", link.last_endpoint.decode(), flush=True)
session = str(time.time_ns())
numbers = count()


def on_raw(image, lines, samples, bits, axial, lateral, timestamp, jpg, rf, _angle):  # noqa: PLR0917
    """Called for grey and RF frames alike; axial, lateral: micrometres per sample and line."""
    if not rf:
        return
    number = next(numbers)
    if bits != 16 or jpg or len(image) != 2 * lines * samples:  # some releases handed over half a frame
        print(f"frame refused: {len(image)} bytes for {lines} x {samples} of {bits} bits", file=sys.stderr)
        return  # a hole in the numbers, which the node counts as lost
    header = {"schema": "musse.rf", "version": 1, "source_id": "clarius", "session_id": session,
              "frame_index": number, "t_acq": timestamp, "clock": "device", "kind": "rf", "dtype": "<i2",
              "shape": (samples, lines), "axes": "lateral,axial", "probe_type": "linear",
              "line_pitch": lateral * 1e-6, "sampling_frequency": SOUND_SPEED / (2e-6 * axial),
              "center_frequency": center_frequency, "sound_speed": SOUND_SPEED,
              "assumed": ["initial_time: assumed, depth 0"]}  # fmt: skip
    link.send_multipart([b"rf/clarius/", msgpack.packb(header), np.frombuffer(image, "<i2")])


def ignore(*_):
    """Images, spectra, motion sensor, freeze and buttons."""


cast = pyclariuscast.Caster(ignore, on_raw, ignore, ignore, ignore, ignore)
if not cast.init(str(Path.home()), 640, 480) or not cast.connect(host, port, "research"):
    sys.exit(f"no Clarius scanner answers at {host}:{port}")
try:
    while True:
        time.sleep(1)
except KeyboardInterrupt:
    cast.disconnect()
    cast.destroy()
