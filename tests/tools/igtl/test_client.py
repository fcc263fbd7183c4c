"""RF of a sender that writes as PLUS does, as the node receives it."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import pyigtl
import pytest
import zmq
from numpy.typing import NDArray

from streamer.rf_message import read_rf_header, read_rf_payload
from streamer.stopping import Stop
from tests.echo_frames import SHAPE, cycle
from tools.errors import RecordingError
from tools.igtl.acquisition import Constants
from tools.igtl.client import IgtlClient, LinkSettings, LinkSummary

GIVEN = {
    "sampling_frequency": 40e6, "center_frequency": 4.8e6, "probe_type": "linear", "line_pitch": 3e-4
}  # fmt: skip
PATIENCE = 20.0  # s
BURST = 60


def image(index: int, samples: NDArray[Any] | None = None, device: str = "Rf") -> bytes:
    """An image of frame `index`, line after line, as pyigtl writes it."""
    rows = cycle(index) if samples is None else samples
    voxels = np.ascontiguousarray(rows.T)[None]
    message = pyigtl.ImageMessage(voxels, timestamp=1.7e9 + 0.02 * index, device_name=device)
    return bytes(message.pack())


class Plus:
    """A PlusServer with one client, the link under test."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.link: socket.socket | None = None

    def accept(self) -> None:
        self.hang_up()
        self.link, _ = self._listener.accept()

    def send(self, *messages: bytes) -> None:
        assert self.link is not None
        for message in messages:
            self.link.sendall(message)

    def hang_up(self) -> None:
        if self.link is not None:
            self.link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.hang_up()
        self._listener.close()


class Received:
    """What a subscriber of the RF link gets."""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.subscribe(b"rf/")
        self._socket.connect(address)
        self._first: int | None = None  # acquisition time of the frame that was sent again and again

    def frame(self, timeout: float = PATIENCE) -> tuple[Any, NDArray[np.int16]] | None:
        """The next one that is no copy of the first."""
        while self._socket.poll(int(timeout * 1000)):
            parts = self._socket.recv_multipart()
            header = read_rf_header(parts)
            if header.t_acq != self._first:
                return header, np.frombuffer(read_rf_payload(parts, header), header.dtype).reshape(
                    header.shape
                )
        return None

    def first(self, plus: Plus, *messages: bytes) -> Any:
        """The header of the first frame that arrives, sent again until one does."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            plus.send(*messages)
            found = self.frame(0.1)
            if found is not None:
                self._first = found[0].t_acq
                return found[0]
        raise AssertionError("no frame arrived")

    def close(self) -> None:
        self._socket.close(0)
        self._context.term()


@contextmanager
def linked(**options: Any) -> Iterator[tuple[Plus, Received, "queue.Queue[LinkSummary]"]]:
    """A sender, the link under test and a subscriber of it; the link's summary comes at the end."""
    stop, ready, ended = Stop(), queue.Queue[str](), queue.Queue[LinkSummary]()
    with Plus() as plus:
        settings = LinkSettings(sender=plus.address, bind="tcp://127.0.0.1:*", **options)
        client = IgtlClient(settings, Constants(plus.address, None, GIVEN))
        thread = threading.Thread(target=lambda: ended.put(client.run(stop, ready.put)))
        thread.start()
        try:
            received = Received(ready.get(timeout=PATIENCE))
            try:
                plus.accept()
                yield plus, received, ended
            finally:
                received.close()
        finally:
            stop.set()
            thread.join()


def test_every_frame_of_a_burst_arrives_in_order_and_unchanged() -> None:
    with linked() as (plus, received, ended):
        started = received.first(plus, image(BURST))
        plus.send(*(image(index) for index in range(BURST)))
        frames = [received.frame() for _ in range(BURST)]
    numbers = [header.frame_index for header, _ in frames if header]  # type: ignore[misc]
    assert numbers == list(range(numbers[0], numbers[0] + BURST))
    for index, (header, samples) in enumerate(frames):  # type: ignore[misc]
        np.testing.assert_array_equal(samples, cycle(index))
        assert abs(header.t_acq - (1_700_000_000_000_000_000 + index * 20_000_000)) < 1000
    assert (started.clock, started.shape, started.kind, started.origin) == ("unix", SHAPE, "rf", "live")
    assert (started.center_frequency, started.line_pitch) == (4.8e6, 3e-4)
    assert any(note.startswith("sound_speed") for note in started.assumed)
    summary = ended.get(timeout=PATIENCE)
    assert (summary.refused, summary.ignored, summary.connections) == (0, 0, 1)


def test_after_a_hang_up_it_connects_again_as_a_new_session() -> None:
    with linked() as (plus, received, _):
        before = received.first(plus, image(0))
        plus.accept()
        after = received.first(plus, image(1))
    assert before.session_id != after.session_id


def test_bmode_is_passed_over_and_a_damaged_image_leaves_a_hole() -> None:
    bmode = image(0, np.zeros(SHAPE, np.uint8), device="Video")
    with linked() as (plus, received, ended):
        before = received.first(plus, bmode, image(0))
        damaged = bytearray(image(1))
        damaged[-1] ^= 1
        plus.send(bmode, bytes(damaged), image(2))
        found = received.frame()
        assert found is not None
        np.testing.assert_array_equal(found[1], cycle(2))
    summary = ended.get(timeout=PATIENCE)
    assert before.frame_index < found[0].frame_index
    assert found[0].frame_index == summary.published  # one more than without the hole
    assert summary.refused >= 2  # the damaged one, and B-mode while no device was chosen
    assert summary.ignored >= 1


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(RecordingError) as refused:
        Constants("127.0.0.1:18944", None, {"probe_type": "curved"})
    for option in (
        "--sampling-frequency", "--center-frequency", "--line-pitch", "--probe-radius", "--preset"
    ):  # fmt: skip
        assert option in str(refused.value)
    Constants("127.0.0.1:18944", None, GIVEN)


def test_a_preset_of_another_number_of_lines_is_refused() -> None:
    rates = {"sampling_frequency": 40e6, "center_frequency": 4.8e6}
    constants = Constants("127.0.0.1:18944", "ultrasonix-l14-5-38", rates)
    with pytest.raises(RecordingError, match="128 elements"):
        constants.of(cycle(0), 0)
    wide = np.tile(cycle(0), (1, 8))
    assert constants.of(wide, 0).line_pitch == pytest.approx(0.3048e-3, rel=0.05)
