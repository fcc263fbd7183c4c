# Sends beamformed IQ lines of a us4us scanner (us4R, us4R-lite) to musse-stream, through its arrus library.
#   python us4us_publisher.py us4r.prototxt [ADDRESS]
# Line by line with a linear probe. Voltage, focus and rates below are yours to choose.
import sys
import time

import arrus
import msgpack
import numpy as np
import zmq
from arrus.ops.imaging import LinSequence
from arrus.ops.us4r import DataBufferSpec, Pulse, Scheme
from arrus.utils.imaging import Decimation, Lambda, Pipeline, QuadratureDemodulation, RxBeamforming, Transpose
from arrus.utils.us4r import RemapToLogicalOrder

FC, SOUND_SPEED, PITCH, RATE, VOLTAGE = 6e6, 1540.0, 0.3e-3, 25, 10  # Hz, m/s, m, frames per second, V
CENTERS = np.arange(32, 160)  # one line per element
link = zmq.Context().socket(zmq.PUB)
link.sndhwm = 64  # the default of 1000 frames is gigabytes for one stuck receiver
link.bind(sys.argv[2] if len(sys.argv) > 2 else "tcp://127.0.0.1:5560")
print("sending on", link.last_endpoint.decode(), flush=True)
header = {"schema": "musse.rf", "version": 1, "source_id": "us4us", "session_id": str(time.time_ns()),
          "clock": "unix", "kind": "iq", "dtype": "<c8", "axes": "lateral,axial", "probe_type": "linear",
          "line_pitch": PITCH, "center_frequency": FC, "demodulation_frequency": FC,
          "sound_speed": SOUND_SPEED, "frame_index": 0,
          "assumed": ["initial_time: assumed, depth 0"]}  # fmt: skip


def send(data):
    """Send one frame of (lines, samples), and pass it on to the next step."""
    if "sampling_frequency" in header:
        lines = np.squeeze(data.get() if hasattr(data, "get") else data).astype("<c8")
        header.update(shape=lines.shape[::-1], t_acq=time.time_ns())
        link.send_multipart([b"rf/us4us/", msgpack.packb(header), np.ascontiguousarray(lines)])
        header["frame_index"] += 1
    return data


sequence = LinSequence(
    tx_aperture_center_element=CENTERS, tx_aperture_size=64, tx_focus=25e-3,
    rx_aperture_center_element=CENTERS, rx_aperture_size=64, rx_sample_range=(0, 4096),
    pulse=Pulse(center_frequency=FC, n_periods=2, inverse=False), pri=200e-6, sri=1 / RATE,
    downsampling_factor=1, speed_of_sound=SOUND_SPEED, tgc_start=14, tgc_slope=2e2,
)  # fmt: skip
steps = (RemapToLogicalOrder(), Transpose(axes=(0, 2, 1)), QuadratureDemodulation(),
         Decimation(decimation_factor=4, cic_order=2), RxBeamforming(), Lambda(send))  # fmt: skip
scheme = Scheme(
    tx_rx_sequence=sequence, rx_buffer_size=2, output_buffer=DataBufferSpec(type="FIFO", n_elements=4),
    work_mode="HOST", processing=Pipeline(steps=steps, placement="/GPU:0"),
)  # fmt: skip
with arrus.Session(sys.argv[1]) as session:
    session.get_device("/Us4R:0").set_hv_voltage(VOLTAGE)
    _, metadata = session.upload(scheme)
    header["sampling_frequency"] = float(metadata.data_description.sampling_frequency)  # after decimation
    session.start_scheme()
    while True:
        time.sleep(1)
