"""The example bridges run against stand-ins of the makers' libraries, with their published signatures."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import zmq

from streamer.headers import RfHeader
from streamer.wire import unpack_header
from tests.docs.docs_reading import DOCS

FRAMES, LINES, SAMPLES = 4, 24, 256

# https://github.com/clariusdev/cast: called from a thread of the library; RF comes between grey frames
CLARIUS = """
import threading, time
import numpy as np

class Caster:
    def __init__(self, newProcessedImage, newRawImage, newSpectrumImage, newImuData, freezeFn, buttonsFn):
        self.raw, self.processed = newRawImage, newProcessedImage

    def init(self, path, width, height):
        return True

    def connect(self, ip, port, certificate):
        assert (ip, port, certificate) == ("192.168.1.1", 5828, "research")
        threading.Thread(target=self.stream, daemon=True).start()
        return True

    def stream(self):
        rf = np.arange(24 * 256, dtype="<i2").reshape(24, 256)
        for k in range(10**6):
            self.raw(bytes(24 * 64), 24, 64, 8, 154.0, 300.0, k * 10**8, 0, 0, 0.0)
            self.processed(bytes(4), 1, 1, 4, 1.0, k * 10**8, 0.0, [])
            data = (rf + k).tobytes()
            if k % 4 == 2:
                data = data[: len(data) // 2]
            self.raw(data, 24, 256, 16, 38.5, 300.0, k * 10**8, 0, 1, 0.0)
            time.sleep(0.02)

    def disconnect(self): pass
    def destroy(self): pass
"""

# https://github.com/us4useu/arrus: the pipeline calls its steps one after the other
ARRUS = {
    "arrus/__init__.py": """
import threading, time
import numpy as np
from types import SimpleNamespace as Named

class Session:
    def __init__(self, cfg_path): assert cfg_path == "us4r.prototxt"
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def get_device(self, path): return Named(set_hv_voltage=lambda voltage: None)
    def upload(self, scheme):
        self.pipeline = scheme.processing
        return object(), Named(data_description=Named(sampling_frequency=16.25e6))
    def start_scheme(self): threading.Thread(target=self.stream, daemon=True).start()
    def stream(self):
        iq = (np.arange(24 * 256) * (1 + 1j)).astype(np.complex64).reshape(1, 24, 256)
        for k in range(10**6):
            data = iq + np.complex64(k)
            for step in self.pipeline.steps:
                data = step(data)
            time.sleep(0.02)
""",
    "arrus/ops/__init__.py": "",
    "arrus/ops/imaging.py": """
class LinSequence:
    def __init__(self, tx_aperture_center_element, tx_aperture_size, tx_focus, pulse,
                 rx_aperture_center_element, rx_aperture_size, rx_sample_range, pri,
                 tgc_start, tgc_slope, downsampling_factor,
                 speed_of_sound, sri): pass
""",
    "arrus/ops/us4r.py": """
class Pulse:
    def __init__(self, center_frequency, n_periods, inverse): pass
class DataBufferSpec:
    def __init__(self, type, n_elements): pass
class Scheme:
    def __init__(self, tx_rx_sequence, rx_buffer_size, output_buffer, work_mode, processing):
        self.processing = processing
""",
    "arrus/utils/__init__.py": "",
    "arrus/utils/us4r.py": """
class RemapToLogicalOrder:
    def __call__(self, data): return data
""",
    "arrus/utils/imaging.py": """
class Pipeline:
    def __init__(self, steps, placement): self.steps = steps
class Lambda:
    def __init__(self, function): self.function = function
    def __call__(self, data): return self.function(data)
class Step:
    def __call__(self, data): return data
class Transpose(Step):
    def __init__(self, axes): pass
class QuadratureDemodulation(Step): pass
class Decimation(Step):
    def __init__(self, decimation_factor, cic_order): pass
class RxBeamforming(Step): pass
""",
}


def frames_of(
    script: str, arguments: list[str], stubs: dict[str, str], folder: Path
) -> list[tuple[RfHeader, bytes]]:
    """The first frames that a bridge sends, their headers validated as the node does."""
    for name, text in stubs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    command = [sys.executable, str(DOCS / "examples" / script), *arguments, "tcp://127.0.0.1:*"]
    environment = {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as bridge,
        zmq.Context() as context,
        context.socket(zmq.SUB) as link,
    ):
        try:
            assert bridge.stdout is not None
            link.linger = 0
            link.rcvtimeo = 30_000
            link.subscribe("rf/")
            link.connect(bridge.stdout.readline().split()[-1])
            found = []
            for _ in range(FRAMES):
                topic, packed, samples = link.recv_multipart()
                header = unpack_header(packed)
                assert isinstance(header, RfHeader)
                assert topic == f"rf/{header.source_id}/".encode()
                found.append((header, samples))
            return found
        finally:
            bridge.kill()


def test_the_clarius_bridge_sends_rf_alone_and_leaves_a_hole_for_half_a_frame(tmp_path: Path) -> None:
    arguments = ["192.168.1.1", "5828", "5e6"]
    frames = frames_of("clarius_publisher.py", arguments, {"pyclariuscast.py": CLARIUS}, tmp_path)
    for header, data in frames:
        assert header.shape == (SAMPLES, LINES)
        assert (header.kind, header.clock, header.probe_type) == ("rf", "device", "linear")
        assert header.sampling_frequency == pytest.approx(20e6)
        assert header.line_pitch == pytest.approx(0.3e-3)
        assert header.t_acq == header.frame_index * 10**8
        lines = np.frombuffer(data, "<i2").reshape(LINES, SAMPLES)
        assert lines[2, 7] == 2 * SAMPLES + 7 + header.frame_index
    numbers = [header.frame_index for header, _ in frames]
    assert all(number % 4 != 2 for number in numbers)
    assert numbers[-1] - numbers[0] == FRAMES  # one refused among them


def test_the_us4us_bridge_sends_iq_lines(tmp_path: Path) -> None:
    frames = frames_of("us4us_publisher.py", ["us4r.prototxt"], ARRUS, tmp_path)
    first = frames[0][0].frame_index
    for number, (header, data) in enumerate(frames):
        assert header.frame_index == first + number
        assert header.shape == (SAMPLES, LINES)
        assert (header.kind, header.dtype, header.demodulation_frequency) == ("iq", "<c8", 6e6)
        assert header.sampling_frequency == 16.25e6
        lines = np.frombuffer(data, "<c8").reshape(LINES, SAMPLES)
        assert lines[2, 7].imag == 2 * SAMPLES + 7
        assert lines[2, 7].real == 2 * SAMPLES + 7 + header.frame_index
