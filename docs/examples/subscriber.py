# Prints the strain of a musse-stream node. A viewer does better with streamer.Subscriber: see docs/api.md.
import sys

import msgpack
import numpy as np
import zmq

link = zmq.Context().socket(zmq.SUB)
link.rcvhwm = 4  # and never CONFLATE: it would deliver the last part of a message without its header
link.subscribe("strain/")  # of one source: "strain/example/", with the slash at its end
link.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5561")
while True:
    _, packed, *parts = link.recv_multipart()
    header = msgpack.unpackb(packed)
    if (header["schema"], header["version"]) != ("musse.strain", 1):
        sys.exit(f"cannot read {header['schema']} version {header['version']}")
    pair = f"frames {header['pre_index']} to {header['post_index']}:"
    if header["rejection"] is not None:
        print(pair, "no value:", header["rejection"], flush=True)
        continue
    arrays = {
        entry["name"]: np.frombuffer(part, entry["dtype"]).reshape(entry["shape"])
        for entry, part in zip(header["arrays"], parts, strict=True)
    }
    strain, grid = arrays["axial_strain"], header["grid"]  # NaN: no value; negative: compressed
    depth = 1e3 * (grid["axial_start"] + grid["axial_step"] * np.arange(len(strain)))
    print(pair, f"strain {np.nanmedian(strain):+.3%}, {depth[0]:.1f} to {depth[-1]:.1f} mm", flush=True)
